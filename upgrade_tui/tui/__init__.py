"""The dashboard: a client of the conductor. Importing this package stays light; ``run`` brings Textual in."""
