() => {
  // Runs once when the page has loaded. `samm` is called by buttons whose handlers have made a file.
  const typed = "input:not([type=range], [type=radio], [type=checkbox]), textarea, [contenteditable]";
  const typing = (event) => event.target.closest(typed);
  const button = (name) => document.getElementById(name);
  const nameOf = (file) => decodeURIComponent(file.path.split(/[\\/]/).pop());
  const edits = () => [...document.querySelectorAll("#edits button")].map((chip) => chip.textContent).join();
  let saved = edits();

  window.samm = {
    // Fetch a file that a handler has made, under the name that it has there.
    save(file) {
      if (!file) return;
      saved = edits();
      const link = document.createElement("a");
      link.href = file.url;
      link.download = nameOf(file);
      document.body.append(link);
      link.click();
      link.remove();
    },
    // Hand it to another program where the browser can, as phones do; else save it.
    async share(file) {
      if (!file) return;
      const data = await (await fetch(file.url)).blob();
      const files = [new File([data], nameOf(file), { type: data.type })];
      if (!navigator.canShare?.({ files })) return samm.save(file);
      await navigator.share({ files }).catch(() => {}); // closed without a choice
    },
    // Give the photo if there is one to see, once the page has caught up with the event.
    async shownPhoto(session, photo) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      return [session, document.querySelector("#photo img") ? photo : null];
    },
  };

  // The brush's colors are buttons without a name; screen readers get what each color does.
  const meanings = { 255: "White: keep my photo", 0: "Black: let the AI draw" };
  const nameColors = () => {
    for (const swatch of document.querySelectorAll("#mask_edit .swatch button:not([aria-label])")) {
      const level = getComputedStyle(swatch).backgroundColor.match(/\d+/)?.[0];
      swatch.ariaLabel = meanings[level] ?? "Color";
    }
  };
  // The editor is made anew with every photo, so the whole page is watched.
  new MutationObserver(nameColors).observe(document.body, { childList: true, subtree: true });

  // While Compare or B is held, the photo before lies over the stage.
  const before = (on) => {
    const stage = document.getElementById("shown");
    stage?.querySelector(".before")?.remove();
    const photo = stage?.querySelector("#compare img")?.src;
    if (!on || !photo) return;
    const over = new Image();
    over.src = photo;
    over.alt = "Your photo, before";
    over.className = "before";
    stage.append(over);
  };
  document.addEventListener("pointerdown", (event) => {
    if (event.target.closest("#hold")) before(true);
  });
  for (const name of ["pointerup", "pointercancel", "blur"]) window.addEventListener(name, () => before(false));
  button("hold")?.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch

  const compares = (event) =>
    (event.key.toLowerCase() === "b" && !event.ctrlKey && !event.metaKey && !event.altKey) ||
    ([" ", "Enter"].includes(event.key) && event.target.closest("#hold"));
  document.addEventListener("keydown", (event) => {
    if (typing(event)) return;
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
      event.preventDefault();
      button(event.shiftKey ? "redo" : "undo")?.click();
    } else if (compares(event) && !event.repeat) {
      before(true);
    }
  });
  document.addEventListener("keyup", (event) => {
    if (compares(event)) before(false);
  });

  // After an upload the stage comes into view.
  button("use")?.closest("#header")?.addEventListener("change", () => button("state")?.scrollIntoView());
  // Edits that were not saved are not thrown away by a reload without a question.
  window.addEventListener("beforeunload", (event) => {
    if (edits() !== saved) event.preventDefault();
  });
};
