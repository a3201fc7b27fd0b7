// The widget on a page of its own: keyboard, input methods, screen sizes, languages, pages that are strict, hostile or
// run from right to left, and a desk that refuses.
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";

import { eventually, launch, Person, Shop } from "./support.mjs";
import { FakeDesk, Site } from "./widget_support.mjs";

const LONGEST = 8000;

let browser;
let site;
let people = [];

before(async () => {
    site = await Site.start();
    browser = await launch();
});

after(async () => {
    await browser?.close();
    await site?.stop();
});

beforeEach(() => {
    site.pages = {};
});

afterEach(async () => {
    const leaving = people;
    people = [];
    for (const person of leaving) await person.leave();
});

/** A visitor on a page, with a desk to play. */
async function visit({ path = "/demo/index.html", prepare = () => {}, ...options } = {}) {
    const person = await Person.enter(browser, options);
    people.push(person);
    const shop = new Shop(await person.tab(), site.origin);
    const desk = await FakeDesk.on(shop.page);
    prepare(desk);
    await shop.page.goto(site.origin + path);
    return { person, shop, page: shop.page, desk };
}

async function visitAndOpen(options) {
    const visitor = await visit(options);
    await visitor.shop.openChat();
    await eventually(() => assert.equal(visitor.desk.connections, 1));
    return visitor;
}

/** Evaluates a function in the page, with the widget's shadow root. */
function inWidget(page, run, argument) {
    return page.evaluate(
        ([text, value]) => new Function("root", "value", `return (${text})(root, value)`)(
            document.querySelector("deskbell-widget").shadowRoot, value),
        [run.toString(), argument]);
}

function box(page, selector) {
    return page.locator(`deskbell-widget ${selector}`).boundingBox();
}

function manyMessages(count) {
    return Array.from({ length: count }, (_, i) => ({
        number: i + 1, author: "agent", agent: 1, name: "Mina", id: String(i + 1).padStart(32, "0"), text: `line ${i + 1}`, at: Date.now(),
    }));
}

test("enter_sends_and_shift_enter_is_a_new_line", async () => {
    const { shop, desk } = await visitAndOpen();
    await shop.field.pressSequentially("first");
    await shop.field.press("Shift+Enter");
    await shop.field.pressSequentially("second");
    await shop.field.press("Enter");
    await shop.tells("Sent");
    assert.deepEqual(desk.posts().map((post) => post.text), ["first\nsecond"]);
    assert.equal(await shop.field.inputValue(), "");
});

test("enter_that_ends_a_word_of_an_input_method_does_not_send", async () => {
    const { shop, page, desk } = await visitAndOpen({ path: "/demo/index.html" });
    const keyboard = await page.context().newCDPSession(page);
    await shop.field.focus();
    await keyboard.send("Input.imeSetComposition", { text: "한글", selectionStart: 2, selectionEnd: 2 });
    await keyboard.send("Input.dispatchKeyEvent", { type: "rawKeyDown", key: "Process", code: "Enter", windowsVirtualKeyCode: 229 });
    await keyboard.send("Input.insertText", { text: "한글" });
    assert.equal(await shop.field.inputValue(), "한글");
    assert.deepEqual(desk.posts(), []);
    await shop.field.press("Enter");
    await shop.tells("Sent");
    assert.deepEqual(desk.posts().map((post) => post.text), ["한글"]);
});

test("in_safari_s_order_of_events_it_does_not_send_either", async () => {
    const { shop, desk } = await visitAndOpen();
    await shop.field.fill("変換");
    await shop.field.evaluate((field) => {
        const key = (keyCode) => field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", keyCode, bubbles: true, cancelable: true }));
        field.dispatchEvent(new CompositionEvent("compositionstart", { bubbles: true }));
        field.dispatchEvent(new CompositionEvent("compositionend", { bubbles: true, data: "変換" }));
        key(229);
        field.dispatchEvent(new CompositionEvent("compositionstart", { bubbles: true }));
        field.dispatchEvent(new CompositionEvent("compositionend", { bubbles: true, data: "変換" }));
        key(13);
    });
    assert.equal(await shop.field.inputValue(), "変換");
    assert.deepEqual(desk.posts(), []);
});

test("the_keyboard_alone_is_enough", async () => {
    const { shop, page } = await visit();
    await shop.launcher.waitFor();
    await shop.launcher.focus();
    await page.keyboard.press("Enter");
    await shop.field.waitFor();
    await eventually(() => inWidget(page, (root) => root.activeElement.tagName).then((tag) => assert.equal(tag, "TEXTAREA")));
    await page.keyboard.type("hello");
    await page.keyboard.press("Tab");
    assert.equal(await inWidget(page, (root) => root.activeElement.getAttribute("aria-label")), "Send");
    await page.keyboard.press("Enter");
    await shop.shows("hello");
    assert.equal(await inWidget(page, (root) => root.activeElement.tagName), "TEXTAREA");
    await page.keyboard.press("Escape");
    await shop.field.waitFor({ state: "hidden" });
    assert.equal(await inWidget(page, (root) => root.activeElement.className), "launcher");
});

test("a_screen_reader_finds_dialog_log_and_names", async () => {
    const { page, shop, desk } = await visitAndOpen();
    await page.getByRole("dialog", { name: "Chat with Linden Clay" }).waitFor();
    const log = page.getByRole("log", { name: "Messages" });
    await log.waitFor();
    await eventually(async () => assert.equal(await log.getAttribute("aria-live"), "polite"));
    await shop.write("hi");
    await shop.tells("Sent");
    desk.say("Good morning");
    await shop.shows("Good morning");
    assert.match(await log.innerText(), /You:\s*hi/);
    assert.match(await log.innerText(), /Mina/);
});

test("the_conversation_is_not_read_aloud_again_when_it_is_opened", async () => {
    const { shop, page, desk } = await visit({ prepare: (d) => d.messages.push(...manyMessages(1)) });
    await shop.launcher.waitFor();
    // How loud the log is at the moment that a message comes into it.
    await inWidget(page, (root) => {
        window.heard = {};
        new MutationObserver(() => {
            for (const bubble of root.querySelectorAll(".log .bubble")) {
                window.heard[bubble.textContent] ??= bubble.closest(".log").getAttribute("aria-live");
            }
        }).observe(root, { subtree: true, childList: true });
    });
    await shop.openChat();
    await shop.shows("line 1");
    await eventually(async () => assert.equal(await page.getByRole("log").getAttribute("aria-live"), "polite"));
    desk.say("news");
    await shop.shows("news");
    assert.deepEqual(await page.evaluate(() => [window.heard["line 1"], window.heard.news]), ["off", "polite"]);
});

test("own_messages_tell_their_state", async () => {
    const { shop, desk } = await visitAndOpen({ prepare: (d) => (d.onPost = () => "ignore") });
    await shop.write("one");
    await shop.tells("Waiting to be sent");
    desk.onPost = () => "store";
    desk.cut();
    await shop.tells("Sent");
    desk.tell({ type: "receipt", delivered: 2, read: 0 });
    await shop.tells("Delivered");
    desk.tell({ type: "receipt", delivered: 2, read: 2 });
    await shop.tells("Read");
    assert.deepEqual(await shop.ownTexts(), ["one"]);
    assert.equal(new Set(desk.posts().map((post) => post.id)).size, 1);
});

test("a_refused_message_is_sent_again_with_a_tap_and_the_same_id", async () => {
    const { shop, page, desk } = await visitAndOpen({ prepare: (d) => (d.onPost = () => ({ error: "closed" })) });
    await shop.write("please");
    const again = page.getByRole("button", { name: /Not sent/ });
    await again.waitFor();
    desk.onPost = () => "store";
    await again.click();
    await shop.tells("Sent");
    assert.deepEqual(await shop.ownTexts(), ["please"]);
    const [first, second] = desk.posts();
    assert.equal(first.id, second.id);
});

test("who_writes_too_fast_waits_and_does_nothing", async () => {
    const { shop, desk } = await visitAndOpen({
        prepare: (d) => (d.onPost = () => ({ error: "rate_limited", retry_after_ms: 300 })),
    });
    await shop.write("quick");
    await shop.tells("Waiting to be sent");
    desk.onPost = () => "store";
    await shop.tells("Sent");
    assert.deepEqual(await shop.ownTexts(), ["quick"]);
});

test("a_lost_connection_is_told_and_so_is_its_end", async () => {
    const { shop, page, desk } = await visitAndOpen();
    desk.answers = false;
    desk.cut();
    await page.getByText("No connection.", { exact: false }).waitFor();
    await shop.write("kept");
    await shop.tells("Waiting to be sent");
    desk.answers = true;
    desk.cut();
    await page.getByText("Connected again").waitFor();
    await shop.tells("Sent");
});

test("what_is_too_long_stays_whole_and_says_by_how_much", async () => {
    const { shop, page, desk } = await visitAndOpen();
    await shop.field.fill("가".repeat(LONGEST + 2));
    await page.getByText("2 characters too long").waitFor();
    await shop.field.press("Enter");
    assert.equal((await shop.field.inputValue()).length, LONGEST + 2);
    assert.deepEqual(desk.posts(), []);
    await shop.field.fill("가".repeat(LONGEST));
    await page.getByText("0 left").waitFor();
    await shop.field.press("Enter");
    await shop.tells("Sent");
});

test("the_field_grows_to_five_lines_and_no_further", async () => {
    const { shop } = await visitAndOpen();
    const height = async (lines) => {
        await shop.field.fill(Array(lines).fill("line").join("\n"));
        return (await shop.field.boundingBox()).height;
    };
    const [one, two, five, nine] = [await height(1), await height(2), await height(5), await height(9)];
    assert.ok(two > one && five > two, `${one} ${two} ${five}`);
    assert.equal(nine, five);
    assert.equal(await height(1), one);
});

test("a_message_while_the_window_is_closed_shows_on_the_button_and_is_marked_new", async () => {
    const { shop, page, desk } = await visitAndOpen();
    await shop.write("hi");
    await shop.tells("Sent");
    const title = await page.title();
    await shop.closeChat();
    desk.say("one");
    desk.say("two");
    await page.getByRole("button", { name: "Open chat, 2 new messages" }).waitFor();
    assert.equal(await page.title(), title);
    assert.ok(!desk.commands.some((command) => command.type === "read" && command.number > 2));
    await shop.openChat();
    assert.equal(await inWidget(page, (root) => root.querySelector(".new").nextElementSibling.querySelector(".bubble").textContent), "one");
    await eventually(() => assert.ok(desk.commands.some((command) => command.type === "read" && command.number === 4)));
    await shop.closeChat();
    await page.getByRole("button", { name: "Open chat", exact: true }).waitFor();
});

test("who_reads_above_stays_there_and_can_jump_to_the_latest", async () => {
    const { shop, page, desk } = await visitAndOpen({
        prepare: (d) => d.messages.push(...manyMessages(40)),
    });
    await shop.shows("line 40");
    const top = () => inWidget(page, (root) => root.querySelector(".scroller").scrollTop);
    const atEnd = () => inWidget(page, (root) => {
        const scroller = root.querySelector(".scroller");
        return scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop < 2;
    });
    await eventually(async () => assert.ok(await atEnd()));
    await page.locator("deskbell-widget .scroller").hover();
    await page.mouse.wheel(0, -600);
    await page.getByRole("button", { name: "Go to the latest" }).waitFor();
    const before = await top();
    desk.say("news");
    await page.getByRole("button", { name: "1 new message", exact: true }).click();
    assert.ok((await top()) > before);
    await eventually(async () => assert.ok(await atEnd()));
    await page.getByRole("button", { name: "Go to the latest" }).waitFor({ state: "hidden" });
});

test("a_long_conversation_shows_its_end_and_earlier_messages_above_what_is_read", async () => {
    const { shop, page } = await visitAndOpen({ prepare: (d) => d.messages.push(...manyMessages(250)) });
    await shop.shows("line 250");
    assert.equal((await shop.texts()).length, 200);
    const earlier = page.getByRole("button", { name: "Earlier messages" });
    await earlier.scrollIntoViewIfNeeded();
    const place = () => inWidget(page, (root) =>
        [...root.querySelectorAll(".bubble")].find((bubble) => bubble.textContent === "line 60").getBoundingClientRect().y);
    const before = await place();
    await earlier.click();
    await shop.shows("line 1");
    await eventually(async () => assert.ok(Math.abs((await place()) - before) < 60, `moved by ${(await place()) - before}`));
    assert.equal((await shop.texts()).length, 250);
    await earlier.waitFor({ state: "detached" });
});

test("nobody_there_means_leave_a_message_and_an_address", async () => {
    const { shop, page, desk } = await visitAndOpen({ prepare: (d) => (d.online = false) });
    await page.getByText("Leave a message").waitFor();
    await shop.write("Do you deliver to Busan?");
    const email = page.getByRole("textbox", { name: "E-mail" });
    await email.fill("mina@");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Please check the e-mail address.").waitFor();
    await email.fill("mina@shop.example");
    await page.getByRole("textbox", { name: "Name (optional)" }).fill("Mina");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("We can reach you at mina@shop.example.").waitFor();
    const { name, email: address } = desk.commands.find((command) => command.type === "identify");
    assert.deepEqual({ name, address }, { name: "Mina", address: "mina@shop.example" });
    desk.tell({ type: "online", on: true });
    await page.getByText("We usually answer in minutes").waitFor();
});

test("typing_is_shown_and_told", async () => {
    const { shop, page, desk } = await visitAndOpen();
    const told = desk.next((command) => command.type === "typing" && command.on);
    await shop.field.pressSequentially("a");
    await told;
    desk.tell({ type: "typing", on: true, name: "Mina" });
    await page.getByText("Mina is typing").waitFor({ state: "attached" });
    desk.say("done");
    await page.getByText("Mina is typing").waitFor({ state: "detached" });
});

test("a_half_written_message_survives_the_way_to_another_page", async () => {
    const { shop, page } = await visitAndOpen();
    await shop.field.fill("half a sent");
    await page.goto(`${site.origin}/demo/cart.html`);
    await shop.openChat();
    assert.equal(await shop.field.inputValue(), "half a sent");
});

test("links_are_links_and_nothing_else_is", async () => {
    const { page, shop, desk } = await visitAndOpen();
    desk.say('<a href="https://evil.example">x</a> javascript:alert(1) https://shop.example/a?b=1.');
    await eventually(async () => assert.equal((await shop.texts()).length, 1));
    const links = await inWidget(page, (root) => [...root.querySelectorAll(".bubble a")].map((a) => [a.href, a.target, a.rel]));
    assert.deepEqual(links, [
        ["https://evil.example/", "_blank", "noopener noreferrer nofollow"],
        ["https://shop.example/a?b=1", "_blank", "noopener noreferrer nofollow"],
    ]);
});

for (const [path, open, write] of [
    ["/demo/ko/index.html", "채팅 열기", "메시지를 입력하세요…"],
    ["/demo/zh/index.html", "打开聊天", "输入消息…"],
]) {
    test(`the_widget_speaks_the_language_of_the_page ${path}`, async () => {
        const { page } = await visit({ path });
        await page.getByRole("button", { name: open }).click();
        await page.getByRole("textbox", { name: write }).waitFor();
    });
}

test("on_a_phone_the_window_fills_the_screen_and_targets_are_large", async () => {
    const { shop, page } = await visitAndOpen({ phone: true });
    assert.deepEqual(await box(page, ".window"), { x: 0, y: 0, width: 390, height: 844 });
    assert.equal(await shop.launcher.isVisible(), false);
    for (const selector of [".send", ".header .round"]) {
        const { width, height } = await box(page, selector);
        assert.ok(width >= 44 && height >= 44, `${selector} is ${width} by ${height}`);
    }
    const size = await inWidget(page, (root) => getComputedStyle(root.querySelector("textarea")).fontSize);
    assert.ok(Number.parseFloat(size) >= 16, "iOS would zoom");
});

test("on_a_desktop_it_leaves_the_page_alone", async () => {
    const { page } = await visitAndOpen();
    const window = await box(page, ".window");
    const launcher = await box(page, ".launcher");
    assert.deepEqual([launcher.width, launcher.height], [60, 60]);
    assert.ok(window.width < 420 && window.y >= 0 && window.y + window.height <= launcher.y);
    const bodyStyle = await page.evaluate(() => [document.body.getAttribute("style"), document.documentElement.getAttribute("style")]);
    assert.deepEqual(bodyStyle, [null, null]);
});

test("a_page_from_right_to_left_has_it_on_the_left", async () => {
    site.pages["/rtl.html"] = '<!doctype html><html lang="ar" dir="rtl"><body><script async src="/w.js" data-site="demo"></script>';
    const { page, shop, desk } = await visitAndOpen({ path: "/rtl.html" });
    assert.ok((await box(page, ".launcher")).x < 100);
    assert.ok((await box(page, ".window")).x < 100);
    await shop.write("مرحبا");
    desk.say("hello");
    await shop.shows("hello");
    const own = await box(page, ".message.own .bubble");
    const theirs = await box(page, ".message.theirs:last-child .bubble");
    assert.ok(own.x < theirs.x, "own messages are at the end of the line, here left");
});

test("a_hostile_style_sheet_does_not_reach_in", async () => {
    site.pages["/hostile.html"] = `<!doctype html><html lang="en"><style>
        html { font-size: 40px } * { all: unset !important; display: none !important; font: 90px serif !important; color: lime !important }
        deskbell-widget { display: none !important; opacity: 0 !important; position: static !important; filter: blur(9px) !important }
        </style><body style="display: block !important"><script async src="/w.js" data-site="demo" data-color="rebeccapurple"></script>`;
    const { page } = await visit({ path: "/hostile.html" });
    await page.addStyleTag({ content: "html, body { display: block !important }" });
    await page.getByRole("button", { name: "Open chat" }).click();
    await page.getByRole("dialog").waitFor();
    const { width, height } = await box(page, ".launcher");
    assert.deepEqual([width, height], [60, 60]);
    const looks = await inWidget(page, (root) => {
        const style = getComputedStyle(root.querySelector(".launcher"));
        return [style.backgroundColor, style.color, getComputedStyle(root.querySelector("textarea")).fontSize];
    });
    assert.deepEqual(looks, ["rgb(102, 51, 153)", "rgb(255, 255, 255)", "15px"]);
});

test("the_strictest_policy_of_a_page_has_nothing_to_complain_of", async () => {
    const { page, shop, desk } = await visit();
    const violations = [];
    page.on("console", (message) => /Content Security|Trusted/i.test(message.text()) && violations.push(message.text()));
    await page.evaluate(() => addEventListener("securitypolicyviolation", (event) => console.log(`Content Security ${event.violatedDirective}`)));
    await shop.openChat();
    await shop.write("https://shop.example and more");
    await shop.tells("Sent");
    desk.say("https://shop.example");
    await shop.shows("https://shop.example");
    assert.deepEqual(violations, []);
    assert.match(await page.locator("meta[http-equiv]").getAttribute("content"), /default-src 'none'.*require-trusted-types-for 'script'/);
});

test("two_script_elements_make_one_widget_and_a_missing_site_is_one_line_in_the_console", async () => {
    site.pages["/twice.html"] = `<!doctype html><html lang="en"><body><script async src="/w.js" data-site="demo"></script>
        <script async src="/w.js" data-site="demo"></script>`;
    site.pages["/none.html"] = '<!doctype html><html lang="en"><body><script async src="/w.js"></script>';
    const { page, shop } = await visit({ path: "/twice.html" });
    await shop.launcher.waitFor();
    await page.waitForLoadState("networkidle");
    assert.equal(await page.locator("deskbell-widget").count(), 1);
    const lines = [];
    page.on("console", (message) => lines.push([message.type(), message.text()]));
    await page.goto(`${site.origin}/none.html`, { waitUntil: "networkidle" });
    const said = lines.filter(([, text]) => text.includes("Deskbell"));
    assert.equal(said.length, 1);
    assert.deepEqual([said[0][0], /data-site/.test(said[0][1])], ["error", true]);
});

test("calls_before_the_script_are_replayed_and_events_are_told", async () => {
    site.pages["/queue.html"] = `<!doctype html><html lang="en"><body><script>
        window.Desk = window.Desk || function () { (Desk.q = Desk.q || []).push(arguments) };
        window.told = [];
        for (const name of ["ready", "open", "connection", "status", "unread", "message:sent", "message:stored", "message:received", "close", "destroy"])
            Desk("on", name, (detail) => told.push([name, detail]));
        Desk("boot", { site: "demo", locale: "ko" });
        Desk("identify", { name: "Mina" });
        Desk("open");
        </script><script async src="/w.js"></script>`;
    const { page, desk } = await visit({ path: "/queue.html" });
    const field = page.getByRole("textbox", { name: "메시지를 입력하세요…" });
    await field.fill("안녕하세요");
    await field.press("Enter");
    await eventually(() => assert.equal(desk.messages.length, 2));
    assert.equal(desk.commands.find((command) => command.type === "identify").name, "Mina");
    desk.say("네");
    await page.getByText("네", { exact: true }).waitFor();
    assert.deepEqual(await page.evaluate(() => Desk("get", "state")), "open");
    await page.evaluate(() => Desk("close"));
    await page.evaluate(() => Desk("destroy"));
    await eventually(() => assert.equal(desk.connections, 0));
    assert.equal(await page.locator("deskbell-widget").count(), 0);
    const names = (await page.evaluate(() => told)).map(([name]) => name);
    for (const name of ["ready", "open", "connection", "status", "message:sent", "message:stored", "message:received", "close", "destroy"]) {
        assert.ok(names.includes(name), `${name} is missing in ${names}`);
    }
});

test("a_chat_that_cannot_be_loaded_says_so_and_can_be_tried_again", async () => {
    const { page, shop } = await visit();
    await page.route("**/widget/assets/**", (route) => route.abort());
    await shop.launcher.click();
    await page.getByText("The chat could not be loaded. Please try again.").waitFor();
    await page.unroute("**/widget/assets/**");
    await shop.openChat();
});

test("a_site_that_may_not_be_used_is_said_once_and_not_tried_for_ever", async () => {
    const { page, shop, desk } = await visit({ prepare: (d) => (d.answers = false) });
    const hello = desk.next((command) => command.type === "hello");
    await shop.launcher.click();
    await hello;
    desk.tell({ type: "refused", error: "bad_site", text: "no" });
    await page.getByText("The chat is not available on this page.").waitFor();
});

test("less_motion_is_respected", async () => {
    const { page } = await visitAndOpen({ reducedMotion: "reduce" });
    const moving = await inWidget(page, (root) =>
        root.getAnimations().length + [...root.querySelectorAll("*")].filter((e) => getComputedStyle(e).animationName !== "none").length);
    assert.equal(moving, 0);
});

for (const colorScheme of ["light", "dark"]) {
    test(`all_text_can_be_read ${colorScheme}`, async () => {
        const { page, shop, desk } = await visitAndOpen({ colorScheme, reducedMotion: "reduce" });
        await shop.write("hello https://shop.example");
        await shop.tells("Sent");
        desk.line("joined");
        desk.say("hi https://shop.example");
        desk.tell({ type: "online", on: false });
        desk.onPost = () => ({ error: "closed" });
        await shop.write("refused");
        await page.getByRole("button", { name: /Not sent/ }).waitFor();
        await shop.field.fill("가".repeat(LONGEST + 1));
        const poor = await inWidget(page, (root) => {
            const rgb = (text) => text.match(/[\d.]+/g).map(Number);
            const light = (color) => {
                const [r, g, b] = color.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            const behind = (element) => {
                for (let e = element; e; e = e.parentElement) {
                    const [r, g, b, a = 1] = rgb(getComputedStyle(e).backgroundColor);
                    if (a === 1) return [r, g, b];
                }
                return [255, 255, 255];
            };
            const found = [];
            const walk = document.createTreeWalker(root.querySelector(".window"), NodeFilter.SHOW_TEXT);
            while (walk.nextNode()) {
                const element = walk.currentNode.parentElement;
                if (!walk.currentNode.textContent.trim() || element.getClientRects().length === 0) continue;
                const [a, b] = [light(rgb(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
                const ratio = (a + 0.05) / (b + 0.05);
                if (ratio < 4.5) found.push(`${element.className || element.tagName}: ${ratio.toFixed(2)}`);
            }
            return found;
        });
        assert.deepEqual(poor, []);
    });
}
