//! What a repair agent uses: list, get, render, verify.
