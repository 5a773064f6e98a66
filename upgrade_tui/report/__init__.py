"""The retrospective: plan and log -> document model -> Markdown, HTML, JSON, CSV.

``build`` is pure; ``load`` reads a window's directory; ``write`` makes the files. Nothing here touches a host.
"""
