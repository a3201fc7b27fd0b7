/* What the fake desk holds at start, by name of the scene. Times are relative to the start. */

const MINUTE = 60_000;

const PEOPLE = [
  ["Mia Wong", "mia.wong@example.com"],
  ["Olivia Martin"],
  ["Noah"],
  ["Liam O’Connor", "liam@example.ie"],
  [],
  ["김민수", "minsu@example.kr"],
  ["이서연"],
  ["王小明", "xiaoming@example.cn"],
  ["李娜"],
  ["محمد العلي", "m.alali@example.sa"],
  ["שירה כהן"],
  [
    "Jean-Baptiste Emmanuel de la Rochefoucauld-Montmorency von und zu Hohenzollern-Sigmaringen the Third",
  ],
  ["Zoë"],
  ["Anders Ångström"],
  ["Priya Raghunathan"],
];

const ASKED = [
  "Hi, my order #20413 says delivered but nothing is here. Could you check with the courier?",
  "Do you ship to Norway, and how long does it take?",
  "The discount code SPRING does not work at checkout.",
  "I need to change the delivery address for an order I placed ten minutes ago, is that still possible?",
  "hello?",
  "안녕하세요, 주문한 상품이 아직 도착하지 않았어요. 배송 조회 부탁드립니다.",
  "사이즈 교환이 가능한가요? 구매한 지 3일 됐습니다.",
  "你好,我想问一下这款咖啡机什么时候有货?",
  "退货流程是怎样的?包装已经拆开了。",
  "مرحبا، هل يمكنني تغيير عنوان التوصيل بعد الدفع؟",
  "שלום, האם אפשר לקבל חשבונית מס?",
  "https://shop.example/catalogue/coffee/espresso-machines/semi-automatic/la-pavoni-europiccola?colour=chrome&voltage=230&utm_source=newsletter&utm_campaign=a-very-long-campaign-name-that-never-ends is the page I mean, does the machine on it fit under a cupboard of 38 cm?",
  "Supercalifragilisticexpialidocious".repeat(6),
  "Is the shop in Copenhagen open on Sunday?",
  "Can I pay by invoice?",
];

const ANSWERS = [
  "Good morning! Let me look that up for you.",
  "Yes, we do. It takes three to five working days, and you get a tracking link by e-mail as soon as the parcel leaves our warehouse.",
  "Thank you for waiting. I have sent you a new code: SPRING26",
  "네, 확인해 드리겠습니다. 잠시만 기다려 주세요.",
  "好的,请稍等,我帮您查一下。",
];

const BROWSERS = [
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
];

const LANGUAGES = ["en-GB", "ko-KR", "zh-CN", "ar-SA", "de-CH"];

/** Fills a desk; `say(conversation, author, text, at)` adds a message. */
export function fill(desk, scene, now) {
  const agents = [
    ["Anna Berg", "anna@example.com", "owner"],
    ["Bo Lindqvist", "bo@example.com", "agent"],
    ["박지훈", "jihoon@example.com", "agent"],
    ["Chiara", "chiara@example.com", "agent"],
  ];
  for (const [i, [name, email, role]] of agents.entries()) {
    desk.addAgent({
      name,
      email,
      role,
      status: i === 2 ? "away" : "online",
      connected: i === 1 || i === 2,
    });
  }
  const count = { empty: 0, one: 1, busy: 50, large: 5000, long: 3 }[scene] ?? 12;
  for (let i = 0; i < count; i += 1) {
    addConversation(desk, i, count, now, scene);
  }
}

function addConversation(desk, i, count, now, scene) {
  const fromEnd = count - i;
  const waiting = fromEnd <= (scene === "one" ? 1 : Math.min(6, Math.ceil(count / 5)));
  const at = waiting ? now - (fromEnd * 47_000 + 5000) : now - fromEnd * 9 * MINUTE;
  const [name, email] = PEOPLE[i % PEOPLE.length];
  const c = desk.addConversation({
    name,
    email,
    at,
    facts: {
      page: "https://shop.example/cart?step=2",
      title: "Your basket · Example Shop",
      referrer:
        i % 3 === 0
          ? "https://www.google.com/"
          : "https://news.example/the-ten-best-espresso-machines-of-the-year",
      language: LANGUAGES[i % LANGUAGES.length],
      browser: BROWSERS[i % BROWSERS.length],
    },
  });
  desk.say(c, "site", "Welcome! How can we help?", at);
  desk.say(c, "visitor", ASKED[i % ASKED.length], at);
  if (waiting) {
    if (fromEnd === 2) {
      desk.say(c, "visitor", "Is anybody there?", at + 20_000);
    }
    return;
  }
  const agent = (i % 3) + 1;
  desk.line(c, "joined", agent, at + 20_000);
  desk.assignSilently(c, agent);
  const turns = scene === "long" ? 400 : (i * 7) % 9;
  let last = at + 30_000;
  for (let turn = 0; turn <= turns; turn += 1) {
    last = at + 30_000 + ((now - 70_000 - at - 30_000) * turn) / (turns + 1);
    desk.say(c, "agent", ANSWERS[(i + turn) % ANSWERS.length], last, agent);
    if (turn < turns || i % 4 === 0) {
      desk.say(c, "visitor", ASKED[(i + turn + 1) % ASKED.length], last + 15_000);
    }
  }
  c.visitor_delivered = c.last;
  c.visitor_read = c.last - (i % 2);
  c.agent_read = i % 4 === 0 ? c.last - 1 : c.last;
  if (i % 5 === 4) {
    desk.line(c, "closed", agent, last + 30_000);
    c.state = "closed";
    delete c.waiting_since;
  }
}
