"""What an agent CLI is called with, and what its output means. Pure: bytes and numbers in, an outcome out.

A supervisor imports what interprets before it is forked, and has nothing but the standard library to do it with; so
nothing here but `commandline` imports more.
"""
