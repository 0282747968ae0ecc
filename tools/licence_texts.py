"""Renew what piste knows known licences by, from a folder of their texts.

    python tools/licence_texts.py FOLDER...

Each FOLDER holds a file a licence, named by its id: the `text` folder of SPDX's license-list-data
(`MIT.txt`, `GPL-3.0-only.txt`), or Debian's /usr/share/common-licenses (`GPL-3`). It writes
`src/piste/bundle/licences.json`: for each licence the short hashes of its sentences, as
`piste.bundle.licences` cuts them. The texts themselves are not kept. What a run does not find
stays as it was. Nothing is downloaded.
"""

import argparse
import json
from pathlib import Path

from piste.bundle import licences

# The name that is shown, and the names that its file may have.
WANTED = {
    "MIT": ("MIT",),
    "MIT-0": ("MIT-0",),
    "Apache-2.0": ("Apache-2.0",),
    "BSD-2-Clause": ("BSD-2-Clause",),
    "BSD-3-Clause": ("BSD-3-Clause", "BSD"),
    "ISC": ("ISC",),
    "0BSD": ("0BSD",),
    "Unlicense": ("Unlicense",),
    "Zlib": ("Zlib",),
    "BSL-1.0": ("BSL-1.0",),
    "CC0-1.0": ("CC0-1.0",),
    "MPL-2.0": ("MPL-2.0",),
    "GPL-2.0": ("GPL-2.0-only", "GPL-2"),
    "GPL-3.0": ("GPL-3.0-only", "GPL-3"),
    "LGPL-2.1": ("LGPL-2.1-only", "LGPL-2.1"),
    "LGPL-3.0": ("LGPL-3.0-only", "LGPL-3"),
    "AGPL-3.0": ("AGPL-3.0-only", "AGPL-3"),
}


def main() -> None:
    """Write the hashes."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    folders = parser.parse_args().folders
    known = json.loads(licences.DATA.read_text()) if licences.DATA.exists() else {}
    for name, files in WANTED.items():
        texts = [
            path.read_text(errors="replace")
            for folder in folders
            for file in files
            for path in (folder / file, folder / f"{file}.txt")
            if path.is_file()
        ]
        if texts:
            # Two editions of a text differ in a few sentences; either is the licence.
            every = [licences.sentences(text) for text in texts]
            known[name] = {
                "least": min(map(len, every)),
                "sentences": sorted({licences.short(one) for some in every for one in some}),
            }
        elif name not in known:
            print(f"no text of {name}")
    rows = (f"{json.dumps(name)}: {json.dumps(known[name])}" for name in WANTED if name in known)
    licences.DATA.write_text("{\n" + ",\n".join(rows) + "\n}\n")


if __name__ == "__main__":
    main()
