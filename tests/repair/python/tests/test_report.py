"""The suite that the service had when it failed."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from app import create_app
from app.handlers.report import parse_report


def test_an_instant_with_seconds_is_read():
    assert parse_report("2025-07-01 12:03:04").second == 4


def test_what_is_no_instant_is_refused():
    with pytest.raises(ValueError):
        parse_report("yesterday")


def test_a_report_says_its_instant():
    answer = create_app().test_client().get("/report?ts=2025-07-01%2012:03:04&email=a@example.test")
    assert answer.json == {"at": "2025-07-01T12:03:04"}
