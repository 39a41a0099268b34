"""Words become moves of style channels: StyleCLIP's three ways and the models behind them."""
