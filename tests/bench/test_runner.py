from __future__ import annotations

from bench.exchange import read_resources
from bench.resources import resource_hashes
from bench.runner import RunOptions, _resources_dir


def test_a_pretrained_model_is_read_where_the_user_says_it_lies_now(tmp_path):
    places = [tmp_path / name for name in ("before", "now")]
    for place in places:
        place.mkdir()
        (place / "weights").write_text("the same")
    files = [{"checkpoint:scgpt": place} for place in places]
    assert resource_hashes(files[0]) == resource_hashes(files[1])  # the run is the same
    for place, named in zip(places, files, strict=True):
        resources = read_resources(_resources_dir(RunOptions(resources=named)))
        assert resources.checkpoints == {"scgpt": place}
