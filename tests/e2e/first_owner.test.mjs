// A fresh desk: the printed link makes the first person its owner, once.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { Console, emailOf, eventually, launch, PASSWORD, Person, Server } from "./support.mjs";

let browser;
let server;

before(async () => {
    server = await Server.start();
    browser = await launch();
});

after(async () => {
    await browser?.close();
    await server?.stop();
});

async function fillSetup(page, { name, email, password }) {
    await page.getByLabel("Your name").fill(name);
    await page.getByLabel("E-mail").fill(email);
    await page.getByLabel("Choose a password").fill(password);
    await page.getByRole("button", { name: "Become the owner" }).click();
}

const focusedName = (page) => page.evaluate(() => document.activeElement?.getAttribute("name"));

test("without_the_link_the_console_says_where_to_find_it", async () => {
    const person = await Person.enter(browser);
    const page = await person.tab();
    await page.goto(`${server.origin}/console/`);
    await page.getByText("This desk has no owner yet").waitFor();
    await person.leave();
});

test("the_link_makes_the_first_owner_who_adds_a_colleague", async () => {
    const token = server.setupToken;
    assert.match(token, /^[0-9a-f]{64}$/);
    const person = await Person.enter(browser);
    const page = await person.tab();
    await page.goto(`${server.origin}/console/#setup=${token}`);
    await fillSetup(page, { name: "Mina", email: "mina", password: PASSWORD });
    await page.getByText("An e-mail address is needed.").waitFor();
    assert.equal(await focusedName(page), "email", "a form goes back to what is wrong in it");
    await fillSetup(page, { name: "Mina", email: emailOf("mina"), password: PASSWORD });
    const desk = new Console(page, server.origin);
    await desk.ready();
    assert.ok(!page.url().includes(token), "the token stays in the address");
    await page.goto(`${server.origin}/console/#/agents`);
    await page.getByRole("button", { name: "Add an agent" }).click();
    const dialog = page.getByRole("dialog");
    await eventually(async () => assert.equal(await focusedName(page), "agent-name"));
    await page.keyboard.type("Jun");
    await page.mouse.click(2, 2);
    assert.equal(await dialog.getByLabel("Name", { exact: true }).inputValue(), "Jun", "a slip of the mouse loses what was typed");
    await dialog.getByLabel("E-mail").fill(emailOf("jun"));
    await dialog.getByLabel("First password").fill(PASSWORD);
    await dialog.getByRole("button", { name: "Add", exact: true }).click();
    await dialog.waitFor({ state: "hidden" });
    const colleague = await Person.enter(browser);
    await Console.logIn(colleague, server.origin, emailOf("jun"));
    await colleague.leave();
    await person.leave();
});

test("a_wrong_password_can_be_typed_again_at_once", async () => {
    const person = await Person.enter(browser);
    const page = await person.tab();
    await page.goto(`${server.origin}/console/`);
    await page.getByRole("textbox", { name: "E-mail" }).fill(emailOf("mina"));
    await page.getByLabel("Password").fill("not this one, is it");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByText("E-mail or password is wrong.").waitFor();
    await eventually(async () => assert.equal(await focusedName(page), "password"));
    await page.keyboard.type(PASSWORD);
    await page.keyboard.press("Enter");
    await new Console(page, server.origin).ready();
    await person.leave();
});

test("the_link_works_only_once", async () => {
    const person = await Person.enter(browser);
    const page = await person.tab();
    await page.goto(`${server.origin}/console/#setup=${server.setupToken}`);
    const form = page.getByLabel("Your name");
    const logIn = page.getByRole("button", { name: "Log in" });
    await form.or(logIn).first().waitFor();
    if (await form.isVisible()) {
        await fillSetup(page, { name: "Eve", email: emailOf("eve"), password: PASSWORD });
        await page.getByText(/owner already|no longer valid/).first().waitFor();
    }
    const answer = await server.http("POST", "/api/setup", {
        body: { token: server.setupToken, name: "Eve", email: emailOf("eve"), password: PASSWORD }, origin: server.origin,
    });
    assert.ok(answer.status === 403 || answer.status === 409, `status ${answer.status}`);
    await person.leave();
});
