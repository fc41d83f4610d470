"""Properties computed once, without waiting for other objects."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from bench.metrics.lazy import lazy


def test_a_value_is_computed_once():
    class Counted:
        calls = 0

        @lazy
        def value(self) -> int:
            self.calls += 1
            return 7

    counted = Counted()
    assert (counted.value, counted.value, counted.calls) == (7, 7, 1)


def test_two_objects_compute_at_the_same_time():
    both_inside = Barrier(2, timeout=20)

    class Meeting:
        @lazy
        def value(self) -> int:
            return both_inside.wait()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(lambda meeting: meeting.value, [Meeting(), Meeting()])) == [0, 1]
