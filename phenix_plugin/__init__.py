"""Normal modes in the place of TLS, inside mmtbx's and phenix.refine's own cycles.

    import phenix_plugin
    phenix_plugin.install()      # before phenix.refine is imported
    ...
    phenix_plugin.uninstall()

No installed file is changed. ``refinement.tls.hnm.enabled=True`` turns it on;
without that, mmtbx does what it did before. See docs/phenix_plugin.md.
"""

from phenix_plugin.hook import PluginError, install, installed, uninstall

__all__ = ["PluginError", "install", "installed", "uninstall"]
