"""The business processing layer (業務處理層): decides who serves a number, and says so in changes.

It shares the delta chain with the engine and nothing else.
"""
