"""Texts that have a grammar of their own, for requests that are meant to be right."""

import base64
import json

import schemathesis
from hypothesis import strategies as st

words = st.from_regex(r"[a-z0-9*?._/-]{1,12}", fullmatch=True)

schemathesis.openapi.format("glob", words)
schemathesis.openapi.format(
    "moment",
    st.one_of(
        st.from_regex(r"[1-9][0-9]?(s|m|h|d)", fullmatch=True),
        st.datetimes().map(lambda moment: moment.replace(year=2026, microsecond=0).isoformat() + "Z"),
    ),
)
schemathesis.openapi.format("duration", st.from_regex(r"[1-9](ms|s)", fullmatch=True))
schemathesis.openapi.format(
    "cursor",
    st.builds(
        lambda connection, item, group: base64.urlsafe_b64encode(
            json.dumps({"connection": connection, "item": item, "group": group}).encode()
        )
        .decode()
        .rstrip("="),
        words,
        words,
        words,
    ),
)


@schemathesis.hook
def filter_query(context, query):
    """No schema can say that `until` comes after `since`."""
    return not (query and "since" in query and "until" in query)
