"""Files, processes, git, the terminal: what any careful command-line tool needs.

It knows nothing of piste's subject: no rules, no models, no plans. Every write that matters goes
through `atomic_write`; what goes wrong in a way that a person can mend is a `UserError` (`errors`);
what is said on the screen goes through `screen`. It uses no other room.
"""
