"""The gateway: the desk's one public address.

It owns what belongs to no other feature: live signals, probes and numbers for operators, the OpenAPI document and its
page, the start page and the built assets. It keeps nothing about tickets or people and never tells what is in them.
"""
