"""Steps that must go well, or must fail with these words."""

import contextlib
import time


@contextlib.contextmanager
def step(name):
    start = time.monotonic()
    yield
    print(f"  {name} ({time.monotonic() - start:.2f} s)", flush=True)


@contextlib.contextmanager
def refused(name, *words):
    try:
        yield
    except Exception as error:
        text = str(error)
        missing = [word for word in words if word not in text]
        assert not missing, f"{name}: no {missing} in: {text}"
        print(f"  {name}: refused", flush=True)
    else:
        raise AssertionError(f"{name}: must fail")
