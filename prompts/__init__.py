"""The words: one Jinja2 template a rule. No code here: `piste.engine.templates` reads them."""
