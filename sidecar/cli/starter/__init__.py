"""What ``init`` and ``projects`` need to begin without a configuration.

How a Litmus is reached and with what (``access``), and the texts that are made
of the answer: ``fragment`` of app-config, ``entities`` and ``frontend``. All but
``access`` is pure.
"""
