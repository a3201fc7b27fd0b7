"""Dialogues to replay: JSON lines with {"turns": [["visitor", text], ["agent", text], ...]}, gzip or
plain. When the big collection is not there a small set of our own is used, so that the bench runs
anywhere; figures of the two are not to be compared."""
import gzip
import json
import pathlib
import struct

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The collection lies beside the checkout; it is not ours to ship.
COLLECTION = ROOT.parent / "shared" / "data"
MAX_CHARS = 8000  # of a message

OWN = [
    ["Hi, is the blue lamp in stock?", "Yes, three are left. Shall I set one aside?",
     "Yes please, until Friday.", "Done. Just say your name at the desk.", "Great, thank you!"],
    ["My parcel says \"delivered\", but there is nothing here.", "I am sorry. May I have the number?",
     "It is DB-20417.", "It went to your neighbour at number 14.", "Found it. Thanks!"],
    ["안녕하세요, 환불은 얼마나 걸리나요?", "보통 영업일 기준 3일 걸립니다.", "알겠습니다. 감사합니다 🙂",
     "더 필요하신 것이 있으면 말씀해 주세요."],
    ["你好，可以改送货地址吗？", "可以，请告诉我新的地址。", "北京市海淀区中关村大街1号", "改好了，明天送到。", "谢谢！"],
    ["line one\nline two\ttab \\ backslash </script>", "All of it arrived as typed."],
    ["ok", "What else can I do for you?", "👩‍👩‍👧‍👦 family ticket", "That is 24 €.", "fine", "Booked."],
]


def clean(turns):
    """Pairs of (is agent, text) that the desk takes: the visitor begins, nothing blank or too long."""
    kept = []
    for who, text in turns:
        text = text.replace("\0", "")[:MAX_CHARS]
        if text.strip() and (kept or who == "visitor"):
            kept.append((who != "visitor", text))
    return kept


def read_file(path):
    opener = gzip.open if str(path).endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield clean(json.loads(line)["turns"])


def load(files=None):
    """(dialogues, where they are from)"""
    if not files:
        files = sorted(COLLECTION.glob("dialogues-*.jsonl.gz")) if COLLECTION.is_dir() else []
    if not files:
        own = [clean((("visitor", "agent")[i % 2], text) for i, text in enumerate(turns)) for turns in OWN]
        return own, "a small set of our own, since the collection is not there"
    dialogues = [[d for d in read_file(file) if d] for file in files]
    # Languages alternate, so that any part of the whole is a fair mixture.
    mixed = []
    longest = max(map(len, dialogues))
    for i in range(longest):
        for one in dialogues:
            # Spread the shorter files over the whole length.
            at, before = i * len(one) // longest, (i - 1) * len(one) // longest
            if at != before or i == 0:
                mixed.append(one[at])
    return mixed, ", ".join(pathlib.Path(file).name for file in files)


def write_binary(dialogues, path) -> None:
    """The form that replay reads; see bench/replay/dialogues.h."""
    with open(path, "wb") as file:
        file.write(struct.pack("<I", len(dialogues)))
        for turns in dialogues:
            file.write(struct.pack("<I", len(turns)))
            for by_agent, text in turns:
                data = text.encode()
                file.write(struct.pack("<BI", by_agent, len(data)) + data)
