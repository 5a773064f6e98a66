"""Ask this host's service something and print what it says: ``ask.py /version``. Exit 1 for no good answer."""

import http.client
import json
import pathlib
import sys

host = json.loads(pathlib.Path("host.json").read_text(encoding="utf-8"))
connection = http.client.HTTPConnection(host["address"], host["port"], timeout=5)
try:
    connection.request("GET", sys.argv[1])
    answer = connection.getresponse()
    text = answer.read().decode()
except OSError as error:
    sys.exit(f"no answer on {host['address']}:{host['port']}: {error}")
sys.stdout.write(text)
sys.exit(0 if answer.status == 200 else 1)
