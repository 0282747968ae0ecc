"""The words: one Jinja2 template a rule. There is no code here; `piste.templates` reads them."""
