"""Compares what the replay's clients were told and shown with what is in the store afterwards."""
import json
import sqlite3


def compare(transcript, dialogues, database):
    """Lines that tell what is wrong; empty when everything acknowledged is there, once, in order,
    unchanged, without gaps, and every client shows as much."""
    problems = []
    with open(transcript, encoding="utf-8") as file:
        nonce = json.loads(file.readline())["nonce"]
        plays = [json.loads(line) for line in file]
    store = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    conversations = {}
    by_id = {}
    for conversation, number, id_bytes, text in store.execute(
            "SELECT conversation, number, id, text FROM message ORDER BY conversation, number"):
        rows = conversations.setdefault(conversation, [])
        rows.append(number)
        if number != len(rows):
            problems.append(f"conversation {conversation}: number {number} follows {len(rows) - 1} others")
        if id_bytes is not None:
            key = bytes(id_bytes).hex()
            if key in by_id:
                problems.append(f"message {key} is stored twice")
            by_id[key] = (conversation, number, text)
    store.close()
    for play in plays:
        turns = dialogues[play["dialogue"]]
        for turn, number in enumerate(play["numbers"]):
            if number == 0:
                continue
            key = f"{nonce}{play['play']:08x}{turn:08x}"
            stored = by_id.pop(key, None)
            if stored != (play["conversation"], number, turns[turn][1]):
                problems.append(f"play {play['play']} turn {turn}: acknowledged as number {number} of "
                                f"conversation {play['conversation']}, in the store: {stored}")
        last = len(conversations.get(play["conversation"], []))
        if play["numbers"][0] == 0:
            continue
        if play["visitor_last"] != last:
            problems.append(f"play {play['play']}: the visitor shows {play['visitor_last']} messages of {last}")
        for console, shown in enumerate(play["console_last"]):
            if shown != last:
                problems.append(f"play {play['play']}: console {console} shows {shown} messages of {last}")
    for key in by_id:
        problems.append(f"message {key} is in the store, but nobody was told so")
    return problems
