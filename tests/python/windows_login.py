"""Logs in as a Windows user with requests-ntlm, as an integrator does it in Python.

    windows_login.py URL PATH USER PASSWORD     prints one JSON line: the status, and that of a list which the token is good for

Ends when its standard input does.
"""

import json
import sys

import requests
from requests_ntlm import HttpNtlmAuth

url, path, user, password = sys.argv[1:5]
form = {"grant_type": "windows_credentials", "client_id": "GrantValidatorClient"}
with requests.Session() as session:
    answer = session.post(url + path, data=form, auth=HttpNtlmAuth(user, password), timeout=30)
    told = {"status": answer.status_code}
    if answer.ok:
        bearer = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        told["sites"] = requests.get(f"{url}/API/rest/v1/sites", headers=bearer, timeout=30).status_code
    print(json.dumps(told), flush=True)
sys.stdin.read()
