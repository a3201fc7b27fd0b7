import { texts } from "../../texts/texts.ts";
import { Dialog } from "../../ui/Dialog.tsx";

export function Shortcuts({ onClose }: { onClose: () => void }) {
  const t = texts.value;
  const rows: ReadonlyArray<readonly [readonly string[], string]> = [
    [["j", "k"], t.keyMove],
    [["Enter"], t.keyOpen],
    [["1", "2", "3", "4"], t.keyViews],
    [["n"], t.keyTakeNext],
    [["t"], t.keyTake],
    [["r"], t.keyReply],
    [["Esc"], t.keyLeave],
    [["h"], t.keyHandOver],
    [["e"], t.keyClose],
    [["i"], t.keyFacts],
    [["Enter"], t.keySend],
    [["Shift", "Enter"], t.keyNewLine],
    [["?"], t.keyHelp],
  ];
  return (
    <Dialog title={t.shortcuts} onClose={onClose}>
      <dl class="shortcut-list">
        {rows.map(([keys, text]) => (
          <div class="shortcut" key={text}>
            <dt>{text}</dt>
            <dd>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
