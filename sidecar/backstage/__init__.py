"""Everything that talks to Backstage: its catalog, its people and their keys, what they may see.

One HTTP primitive (``transport``) under all of it. Must not decide who may act;
that is ``actions``', with what is verified here.
"""
