"""What piste adds to `llm`: the embedded model `outline`, and templates for `llm -t piste:…`.

`llm_plugin` is what llm loads, `model` the model. It needs no key and no network, and understands
nothing: it builds each document's skeleton from its input.
"""
