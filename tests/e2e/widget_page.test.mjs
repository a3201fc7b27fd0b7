// The widget as a guest: keyboard and screen reader, screen sizes, languages, and pages that are strict, hostile or run
// from right to left.
import assert from "node:assert/strict";
import { test } from "node:test";

import { eventually } from "./support.mjs";
import { box, inWidget, LONGEST, manyMessages, stage } from "./widget_support.mjs";

const { site, visit, visitAndOpen } = stage();

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

test("a_long_name_of_an_agent_takes_two_lines_of_the_header_and_is_there_in_full", async () => {
    const { page, desk } = await visitAndOpen({ viewport: { width: 320, height: 568 } });
    const name = "Bartholomew Featherstonehaugh-Cholmondeley of the Customer Happiness Te";
    desk.tell({ type: "state", state: "open", agent_name: name });
    await page.locator("deskbell-widget .who p", { hasText: name }).waitFor();
    assert.ok((await box(page, ".who p")).height <= 36);
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

test("a_page_that_runs_from_right_to_left_by_a_late_style_sheet", async () => {
    site.pages["/rtl_style.html"] = `<!doctype html><html lang="ar"><head>
        <script>addEventListener("load", () => document.head.insertAdjacentHTML("beforeend", "<style>body { direction: rtl }</style>"))</script>
        <script async src="/w.js" data-site="demo"></script></head><body></body>`;
    const { page } = await visit({ path: "/rtl_style.html" });
    assert.ok((await box(page, ".launcher")).x < 100);
});

test("a_page_whose_body_runs_from_right_to_left_too", async () => {
    site.pages["/rtl_body.html"] = '<!doctype html><html lang="ar"><body dir="rtl"><script async src="/w.js" data-site="demo"></script>';
    const { page } = await visitAndOpen({ path: "/rtl_body.html" });
    assert.ok((await box(page, ".launcher")).x < 100);
    assert.ok((await box(page, ".window")).x < 100);
    // A switch of languages without a new page.
    await page.evaluate(() => document.body.removeAttribute("dir"));
    await eventually(async () => assert.ok((await box(page, ".launcher")).x > 1000));
    await page.evaluate(() => document.documentElement.setAttribute("dir", "rtl"));
    await eventually(async () => assert.ok((await box(page, ".launcher")).x < 100));
    await page.evaluate(() => document.body.setAttribute("dir", "ltr"));
    await eventually(async () => assert.ok((await box(page, ".launcher")).x > 1000));
});

for (const [name, style] of [
    ["transform", "transform: translateX(0)"], ["filter", "filter: saturate(1.1)"], ["contain", "contain: layout"], ["zoom", "zoom: 0.8"],
]) {
    test(`a_body_that_things_are_fixed_to_does_not_move_it ${name}`, async () => {
        site.pages["/moved.html"] = `<!doctype html><html lang="en"><body style="margin: 0 0 0 90px; width: 700px; ${style}"><div style="height: 3000px"></div>
            <script async src="/w.js" data-site="demo"></script>`;
        const { page } = await visitAndOpen({ path: "/moved.html" });
        await page.evaluate(() => scrollTo(0, 1000));
        await page.mouse.move(0, 0); // under it the button rises
        const { width, height } = await page.evaluate(() => ({ width: document.documentElement.clientWidth, height: innerHeight }));
        const launcher = await box(page, ".launcher");
        assert.deepEqual(launcher, { x: width - 80, y: height - 80, width: 60, height: 60 });
        const window = await box(page, ".window");
        assert.equal(window.x + window.width, width - 20);
        assert.ok(window.y >= 0 && window.y + window.height <= launcher.y);
    });
}

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

test("a_bar_above_everything_covers_the_button_but_not_the_open_chat", async () => {
    site.pages["/bar.html"] = `<!doctype html><html lang="en"><style>#bar { position: fixed; inset: auto 0 0 0; height: 130px; z-index: 2147483647 }</style>
        <body><div id="bar">cookies?</div><script async src="/w.js" data-site="demo"></script>`;
    const { page, shop } = await visit({ path: "/bar.html", phone: true });
    await shop.launcher.waitFor();
    const onTop = async (selector) => {
        const { x, y, width, height } = await box(page, selector);
        return page.evaluate(([left, top]) => document.elementFromPoint(left, top).tagName, [x + width / 2, y + height / 2]);
    };
    assert.equal(await onTop(".launcher"), "DIV");
    await page.evaluate(() => Desk("open"));
    await shop.field.waitFor();
    assert.equal(await onTop(".send"), "DESKBELL-WIDGET");
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
