// The console in Chromium: what an agent does all day, by mouse, by keyboard and on a phone.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { addAgent, visitor } from "../support/desk.mjs";
import { Proxy } from "./proxy.mjs";
import { Console, emailOf, eventually, launch, Person, startDesk } from "./support.mjs";

let browser;
let server;

before(async () => {
    server = await startDesk({ agents: ["mina", "jun"] });
    await addAgent(server, { email: emailOf("long"), name: "Maximiliane-Alexandra von und zu Hohenlohe-Schillingsfürst" });
    browser = await launch();
});

after(async () => {
    await browser?.close();
    await server?.stop();
});

/** Runs with a console for each name, and closes their browsers; options go to the browser. */
async function withConsoles(names, run, { origin = server.origin, ...options } = {}) {
    const people = [];
    const desks = [];
    try {
        for (const name of names) {
            const person = await Person.enter(browser, options);
            people.push(person);
            desks.push(await Console.logIn(person, origin, emailOf(name)));
        }
        await run(...desks);
    } finally {
        for (const person of people) await person.leave();
    }
}

async function asks(text, name) {
    const ws = await visitor(server);
    if (name !== undefined) {
        ws.send({ type: "identify", ref: 1, name });
        await ws.next("done");
    }
    await ws.post(text);
    return ws;
}

const focused = (page) => page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? "");

test("a_chat_is_taken_answered_and_closed_by_keyboard_alone", async () => {
    await withConsoles(["mina"], async (desk) => {
        const { page } = desk;
        const kim = await asks("by keyboard", "Kim");
        await desk.waiting("by keyboard").waitFor();
        await page.locator("body").press("n");
        await eventually(async () => assert.equal(await focused(page), "Answer Kim"));
        await page.keyboard.type("Typed at once: not every e closes.");
        await page.keyboard.press("Enter");
        await eventually(async () => assert.equal((await kim.next("message")).message.text, "Typed at once: not every e closes."));
        await page.keyboard.press("Escape");
        await eventually(async () => assert.match(await page.evaluate(() => document.activeElement?.className ?? ""), /inbox-row/));
        await page.keyboard.press("e");
        await page.getByRole("status").getByText("Closed Kim").waitFor();
        await page.getByRole("button", { name: "Undo" }).click();
        await eventually(async () => assert.equal(await focused(page), "Answer Kim"));
        kim.close();
    });
});

test("of_two_who_take_at_once_one_gets_it_and_the_other_is_told_who", async () => {
    await Proxy.with(server.port, (proxy) => withConsoles(["mina"], async (mina) => {
        await withConsoles(["jun"], async (jun) => {
            const ws = await asks("who takes me?");
            await jun.waiting("who takes me?").waitFor();
            proxy.hold();
            await mina.take("who takes me?");
            await mina.page.getByText("You took the conversation").waitFor();
            await jun.waiting("who takes me?").getByRole("button", { name: /^Take/ }).click();
            proxy.release();
            await jun.page.getByText("Mina has it already").waitFor();
            await jun.page.getByText("With Mina").waitFor();
            ws.close();
        }, { origin: proxy.origin });
    }));
});

test("an_answer_begun_survives_a_reload_and_another_conversation", async () => {
    await withConsoles(["mina"], async (desk) => {
        const one = await asks("first question");
        const two = await asks("second question");
        await desk.take("first question");
        await desk.page.keyboard.type("half an ans");
        await desk.take("second question");
        assert.equal(await desk.field.inputValue(), "");
        await desk.page.reload();
        await desk.field.waitFor();
        await desk.open("first question");
        await eventually(async () => assert.equal(await desk.field.inputValue(), "half an ans"));
        await desk.page.keyboard.type("wer");
        await desk.page.keyboard.press("Enter");
        await eventually(async () => assert.equal((await one.next("message")).message.text, "half an answer"));
        one.close();
        two.close();
    });
});

test("a_lost_connection_is_told_and_what_came_meanwhile_is_counted", async () => {
    await Proxy.with(server.port, (proxy) => withConsoles(["mina"], async (desk) => {
        const ws = await asks("before the break");
        await desk.take("before the break");
        await desk.shows("before the break");
        proxy.swallow();
        proxy.cut();
        await desk.page.getByText(/^Reconnecting…/).waitFor();
        await desk.answer("written while away");
        await desk.tells("Waiting to be sent");
        const other = await asks("came meanwhile");
        proxy.heal();
        await desk.page.getByText(/^Back\. 1 new message\./).waitFor();
        await desk.waiting("came meanwhile").waitFor();
        await eventually(async () => assert.equal((await ws.next("message")).message.text, "written while away"));
        ws.close();
        other.close();
    }, { origin: proxy.origin }));
});

test("who_reads_above_sees_what_is_new_and_can_go_to_the_latest", async () => {
    await withConsoles(["mina"], async (desk) => {
        const { page } = desk;
        const ws = await asks("line 0");
        for (let i = 1; i <= 40; i++) await ws.post(`line ${i}`);
        await desk.take("line 0");
        await desk.shows("line 40");
        const log = page.getByRole("log", { name: "Messages" });
        const atEnd = () => log.evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight < 2);
        await eventually(async () => assert.ok(await atEnd()));
        const latest = page.getByRole("button", { name: "Go to the latest" });
        assert.equal(await latest.count(), 0);
        await log.hover();
        await page.mouse.wheel(0, -700);
        await latest.waitFor();
        await ws.post("line 41");
        await page.getByRole("button", { name: "1 new message", exact: true }).click();
        await eventually(async () => assert.ok(await atEnd()));
        await latest.waitFor({ state: "detached" });
        ws.close();
    });
});

test("a_conversation_with_something_unread_stands_out_in_the_list", async () => {
    await withConsoles(["mina"], async (desk) => {
        const people = [];
        for (const name of ["Uma", "Rey", "Lin"]) {
            people.push(await asks(`I am ${name}`, name));
            await desk.take(`I am ${name}`);
            if (name !== "Lin") await desk.answer(`Hello ${name}`);
        }
        await desk.view("Mine");
        const row = desk.page.locator("[data-conversation]", { hasText: "Uma" });
        const weight = () => row.locator(".inbox-row-name").evaluate((name) => Number(getComputedStyle(name).fontWeight));
        await row.getByText("Hello Uma").waitFor();
        const read = await weight();
        await people[0].post("still there?");
        await row.getByText("1 unread").waitFor({ state: "attached" });
        await eventually(async () => assert.ok((await weight()) > read));
        await row.click();
        await eventually(async () => assert.equal(await weight(), read));
        for (const one of people) one.close();
    });
});

test("an_answer_begun_and_left_is_marked_in_the_list", async () => {
    await withConsoles(["mina"], async (desk) => {
        const { page } = desk;
        const people = [await asks("I am Ola", "Ola"), await asks("I am Per", "Per")];
        await desk.waiting("I am Ola").waitFor();
        const mark = (name) => page.locator("[data-conversation]", { hasText: name }).getByText("Draft", { exact: true });
        const both = async (ola, per) => {
            await eventually(async () => assert.deepEqual([await mark("I am Ola").count(), await mark("I am Per").count()], [ola, per]));
        };
        await desk.take("I am Per");
        await desk.field.fill("Dear Per");
        await desk.view("Mine");
        await both(0, 0); // its field shows it
        await desk.open("I am Ola"); // nobody has it: a card
        await both(0, 1);
        await desk.field.fill("Dear Ola");
        await desk.open("I am Per");
        await both(1, 0);
        await page.reload();
        await desk.ready();
        await both(1, 0);
        await desk.answer("Dear Per, now");
        await desk.open("I am Ola");
        await both(0, 0);
        await desk.field.fill(" ");
        await desk.open("Dear Per, now");
        await both(0, 0);
        for (const one of people) one.close();
    });
});

test("the_tab_counts_who_waits", async () => {
    await withConsoles(["mina"], async (desk) => {
        const { page } = desk;
        const ws = await asks("count me");
        await desk.waiting("count me").waitFor();
        // Others may wait since the tests before.
        const count = await page.locator(".waiting-card").count();
        await eventually(async () => assert.equal(await page.title(), `(${count}) Deskbell`));
        const icon = await page.locator('link[rel="icon"]').getAttribute("href");
        assert.match(icon, /icon-dot/);
        await desk.take("count me");
        const rest = count === 1 ? "Deskbell" : `(${count - 1}) Deskbell`;
        await eventually(async () => assert.equal(await page.title(), rest));
        ws.close();
    });
});

test("a_session_ended_by_the_owner_leads_to_the_log_in", async () => {
    await withConsoles(["mina", "jun"], async (mina, jun) => {
        await mina.page.goto(`${server.origin}/console/#/agents`);
        await mina.button("More for Jun").click();
        await mina.page.getByRole("menuitem", { name: "Sessions" }).click();
        const dialog = mina.page.getByRole("dialog");
        await dialog.getByRole("button", { name: /^End/ }).last().click();
        await jun.page.getByText("This session was ended").waitFor();
        await jun.button("Log in").waitFor();
    });
});

test("a_phone_shows_list_conversation_and_facts_one_after_the_other", async () => {
    await withConsoles(["mina"], async (desk) => {
        const { page } = desk;
        const ws = await asks("from the phone test", "Ada");
        await desk.take("from the phone test");
        assert.ok(await desk.field.isVisible());
        assert.ok(!(await page.getByRole("navigation", { name: "Lists" }).isVisible()));
        await desk.button("About the visitor").click();
        await page.getByRole("complementary", { name: "About the visitor" }).getByText("Ada").waitFor();
        assert.ok(!(await desk.field.isVisible()));
        await page.goBack();
        await desk.field.waitFor();
        await desk.button("Back").click();
        await page.getByRole("navigation", { name: "Lists" }).waitFor();
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.equal(wide, 390, "the page is wider than the phone");
        await desk.open("from the phone test");
        await desk.button("Hand over").click();
        const body = page.locator(".dialog-body");
        await body.getByText("Maximiliane").waitFor();
        assert.ok(await body.evaluate((box) => box.scrollWidth <= box.clientWidth), "a long name is wider than the dialog");
        ws.close();
    }, { phone: true });
});

test("an_address_that_leads_nowhere_says_so", async () => {
    await withConsoles(["mina"], async ({ page }) => {
        await page.goto(`${server.origin}/console/#/mine/999999`);
        await page.getByText("No such conversation").waitFor();
        assert.equal(await page.getByRole("button", { name: /of the visitor|About the visitor/ }).count(), 0);
    });
});

test("nothing_on_the_page_breaks_the_content_policy", async () => {
    const complaints = [];
    const person = await Person.enter(browser);
    const page = await person.tab();
    page.on("console", (message) => {
        if (/Content Security Policy|Refused to/.test(message.text())) complaints.push(message.text());
    });
    await page.goto(`${server.origin}/console/`);
    await page.getByRole("textbox", { name: "E-mail" }).fill(emailOf("mina"));
    await page.getByLabel("Password").fill("correct horse battery");
    await page.getByRole("button", { name: "Log in" }).click();
    await new Console(page, server.origin).ready();
    const ws = await asks("policy");
    await page.locator(".waiting-card", { hasText: "policy" }).getByRole("button", { name: /^Take/ }).click();
    await page.getByRole("textbox", { name: /^Answer / }).fill("one\ntwo\nthree");
    await page.goto(`${server.origin}/console/#/settings`);
    await page.getByText("Dark", { exact: true }).click();
    await eventually(async () => assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme), "dark"));
    assert.deepEqual(complaints, []);
    ws.close();
    await person.leave();
});

test("the_last_message_stays_in_sight_when_an_answer_is_held_back", async () => {
    await Proxy.with(server.port, (proxy) => withConsoles(["mina"], async (desk) => {
        const question = `${"long\n".repeat(40)}question`;
        const kim = await asks(question, "Kim");
        await desk.take("long");
        await desk.shows(question);
        proxy.hold();
        await kim.post("the very last\nof\nmany\nlines");
        await desk.answer("Done.");
        await proxy.holds((text) => JSON.parse(text).type === "desk_event");
        await proxy.holds((text) => JSON.parse(text).error === "stale");
        proxy.release();
        await desk.page.locator(".held-stale").waitFor();
        await desk.shows("the very last\nof\nmany\nlines");
        const hidden = () => desk.page.locator(".messages-box").evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight);
        await desk.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
        assert.ok(await hidden() < 2, `${await hidden()} px are below`);
    }, { origin: proxy.origin }));
});
