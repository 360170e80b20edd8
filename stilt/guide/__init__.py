"""The guide that travels with the program: a Markdown file for each topic.

``topics`` finds and reads them, ``screen`` shows one on a terminal or as plain text.
"""
