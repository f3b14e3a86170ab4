//! Nothing: the cases stand in `cases`, and the tests that compile them in `tests`.
