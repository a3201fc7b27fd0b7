// What a visitor does in the chat window, and a desk that refuses, is slow or says nothing.
import assert from "node:assert/strict";
import { test } from "node:test";

import { eventually } from "./support.mjs";
import { inWidget, LONGEST, manyMessages, stage } from "./widget_support.mjs";

const { site, visitAndOpen } = stage();

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
        // Laid out, not as seen: the window may still be growing to its size.
        return shop.field.evaluate((field) => field.offsetHeight);
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

test("on_the_next_page_an_answer_shows_on_the_button_and_what_was_not_sent_is", async () => {
    const { shop, page, desk } = await visitAndOpen();
    desk.onPost = () => "ignore";
    await shop.write("is anybody there?");
    await eventually(() => assert.equal(desk.posts().length, 1));
    desk.onPost = () => "store";
    await page.goto(`${new URL(page.url()).origin}/demo/mug.html`);
    await eventually(() => assert.equal(desk.posts().length, 2));
    assert.equal(desk.posts()[1].id, desk.posts()[0].id);
    desk.say("yes, here");
    await page.getByRole("button", { name: "Open chat, 1 new message" }).waitFor();
    assert.equal(await shop.field.isVisible(), false);
    await shop.openChat();
    await shop.shows("yes, here");
    assert.deepEqual(await shop.ownTexts(), ["is anybody there?"]);
});
