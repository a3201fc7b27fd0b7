// The main job: a visitor clicks and writes, an agent answers, both see everything.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Proxy } from "./proxy.mjs";
import { Console, emailOf, eventually, launch, Person, Shop, startDesk } from "./support.mjs";

let browser;
let server;

before(async () => {
    server = await startDesk({ agents: ["mina", "jun"] });
    browser = await launch();
});

after(async () => {
    await browser?.close();
    await server?.stop();
});

/** Runs with people who have browsers of their own, and closes those. */
async function withPeople(count, run) {
    const people = [];
    for (let i = 0; i < count; i++) people.push(await Person.enter(browser));
    try {
        await run(...people);
    } finally {
        for (const person of people) await person.leave();
    }
}

test("a_visitor_writes_in_the_shop_and_an_agent_answers", async () => {
    await withPeople(2, async (visitor, agent) => {
        const desk = await Console.logIn(agent, server.origin, emailOf("mina"));
        const shop = await Shop.visit(visitor, server.origin);
        await shop.openChat();
        await shop.write("Is the blue mug in stock?");
        await shop.shows("Is the blue mug in stock?");
        await desk.take("Is the blue mug in stock?");
        await desk.shows("Is the blue mug in stock?");
        await shop.tells("Read");
        await desk.answer("Yes, three are left.");
        await shop.shows("Yes, three are left.");
        await desk.tells("Read");
        await eventually(async () => assert.ok((await shop.lines()).some((line) => line.includes("Mina joined"))));
        assert.deepEqual(await shop.ownTexts(), ["Is the blue mug in stock?"]);
    });
});

test("before_the_click_nothing_is_stored_and_no_socket_is_opened", async () => {
    await withPeople(1, async (visitor) => {
        const page = await visitor.tab();
        const sockets = [];
        const requests = [];
        page.on("websocket", (socket) => sockets.push(socket.url()));
        page.on("request", (request) => requests.push(new URL(request.url()).pathname));
        await page.goto(`${server.origin}/demo/`);
        const shop = new Shop(page, server.origin);
        await shop.launcher.waitFor();
        const stored = await page.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie]);
        assert.deepEqual(stored, [0, 0, ""]);
        assert.deepEqual(await visitor.context.cookies(), []);
        assert.deepEqual(sockets, []);
        const widget = requests.filter((path) => path === "/w.js" || path.startsWith("/widget/"));
        assert.ok(widget.length <= 2, `the launcher asked for ${widget.join(", ")}`);
    });
});

test("tabs_of_a_visitor_stay_in_step_and_a_new_page_shows_what_was_said", async () => {
    await withPeople(2, async (visitor, agent) => {
        const desk = await Console.logIn(agent, server.origin, emailOf("mina"));
        const first = await Shop.visit(visitor, server.origin);
        await first.openChat();
        await first.write("Two tabs are open");
        await desk.take("Two tabs are open");
        const second = await Shop.visit(visitor, server.origin, "/demo/vase.html");
        // A chat that was open may open by itself on the next page.
        if (!(await second.field.isVisible())) await second.openChat().catch(() => {});
        await second.shows("Two tabs are open");
        await second.write("said in the second");
        await first.shows("said in the second");
        await first.write("said in the first");
        await second.shows("said in the first");
        await desk.shows("said in the first"); // else the answer is held: he has not seen what it is to
        await desk.answer("I see both");
        await first.shows("I see both");
        await second.shows("I see both");
        assert.deepEqual(await first.ownTexts(), ["Two tabs are open", "said in the second", "said in the first"]);
        assert.deepEqual(await first.texts(), await second.texts());
    });
});

test("a_conversation_is_handed_over_closed_and_opened_again_by_the_visitor", async () => {
    await withPeople(3, async (visitor, one, other) => {
        const mina = await Console.logIn(one, server.origin, emailOf("mina"));
        const jun = await Console.logIn(other, server.origin, emailOf("jun"));
        const shop = await Shop.visit(visitor, server.origin);
        await shop.openChat();
        await shop.write("My parcel is late");
        await mina.take("My parcel is late");
        await mina.button("Hand over").click();
        await mina.page.getByRole("dialog").getByRole("button", { name: /Jun/ }).click();
        await jun.view("Mine");
        await jun.open("My parcel is late");
        await jun.shows("My parcel is late");
        await jun.answer("Jun here, I look into it.");
        await shop.shows("Jun here, I look into it.");
        await mina.shows("Jun here, I look into it.");
        await jun.button("Close").click();
        await eventually(async () => assert.ok((await shop.lines()).some((line) => line.includes("closed"))));
        await shop.write("One more thing");
        await shop.shows("One more thing");
        await jun.view("Mine");
        await jun.open("One more thing");
        await jun.shows("One more thing");
        await jun.answer("Yes?");
        await shop.shows("Yes?");
    });
});

test("an_answer_is_held_back_when_the_visitor_wrote_meanwhile", async () => {
    await Proxy.with(server.port, (proxy) => withPeople(2, async (visitor, agent) => {
        const desk = await Console.logIn(agent, proxy.origin, emailOf("mina"));
        const shop = await Shop.visit(visitor, server.origin);
        await shop.openChat();
        await shop.write("Please cancel my order");
        await desk.take("Please cancel my order");
        await desk.shows("Please cancel my order");
        // What the visitor writes now reaches the agent only after the answer was refused.
        proxy.hold();
        await shop.write("No wait, keep it!");
        await shop.tells("Sent");
        await desk.answer("It is cancelled.");
        await proxy.holds((text) => JSON.parse(text).error === "stale");
        proxy.release();
        await desk.page.getByText("wrote while you were answering").waitFor();
        // The refusal may overtake the event: who has not seen it yet would be asked once more.
        await desk.shows("No wait, keep it!");
        assert.ok(!(await shop.texts()).includes("It is cancelled."));
        await desk.button("Edit first").click();
        await desk.answer("Good, I keep it.");
        await shop.shows("Good, I keep it.");
        assert.ok(!(await shop.texts()).includes("It is cancelled."));
    }));
});

test("what_people_type_is_text_and_never_markup", async () => {
    const nasty = '<img src=x onerror="window.hacked=1"> <b>bold</b> &amp; </script>';
    await withPeople(2, async (visitor, agent) => {
        const desk = await Console.logIn(agent, server.origin, emailOf("mina"));
        const shop = await Shop.visit(visitor, server.origin);
        await shop.openChat();
        await shop.write(nasty);
        await desk.take("<img src=x");
        await desk.shows(nasty);
        await desk.answer(nasty);
        await eventually(async () => assert.equal((await shop.texts()).filter((text) => text === nasty).length, 2));
        for (const page of [shop.page, desk.page]) {
            assert.equal(await page.evaluate(() => window.hacked), undefined);
        }
    });
});
