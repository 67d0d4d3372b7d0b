"""What ``colorcli doctor`` looks at: is this installation, on this machine, able to do its work, and if not, why not.

One file per section, one function per thing looked at, pure data out (:class:`~colorcli.engine.health.report.Check`).
Nothing here imports torch or a codec at its top: what cannot be loaded is what the report is for.
"""
