"""The page: `layout` puts `tabs` and `regions` together, each of them one file with all that belongs to it.

Only here does the program know about Gradio and ZeroGPU; `samm` and the rest of `editing` do not.
"""
