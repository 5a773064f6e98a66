"""Pictures and tables of the documentation are made by code in here."""
