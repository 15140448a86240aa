"""Data migration (數據遷移): many numbers move by a plan, not by one subscriber's order each.

`plan` is what people write, `standing` what is served before, `steps` what each step would alter. `dry_run` reports
that and changes nothing; `runner` does it piece by piece and goes on where it stopped; `check` holds the result against
the plan; `undo` goes back to before.
"""
