"""`python -m docs [FOLDER]`: build the site into docs/_build, warnings being errors.

All links within the site are checked. ``python -m docs --keys`` prints the keys of a runcard, for
the list that a release adds to docs/reference/keys_of_releases.
"""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent


def main(arguments: list[str]) -> int:
    """Build the site and check its links; return the exit status."""
    if arguments == ["--keys"]:
        from docs.site.keys import make_reference

        print("\n".join(sorted(key.path for key in make_reference().keys)))
        return 0
    from sphinx.cmd.build import build_main

    from docs.site.links import broken_links

    site = Path(arguments[0]).resolve() if arguments else DOCS / "_build"
    status = build_main(
        ["-q", "-E", "-W", "--keep-going", "-d", str(site / ".doctrees"), str(DOCS), str(site)]
    )
    broken = list(broken_links(site)) if (site / "index.html").exists() else []
    for line in broken:
        print(line, file=sys.stderr)
    if status == 0 and not broken:
        print(f"site      {site / 'index.html'}")
    return status or int(bool(broken))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
