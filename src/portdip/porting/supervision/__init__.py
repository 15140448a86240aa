"""Supervision: evidence of what subscribers asked and agreed to, complaints, violations, cases, figures.

A complaint or an order may show a violation; confirmed violations make a case; a case may bar a carrier from porting
numbers in. `kpis` counts all of it for the regulator.
"""
