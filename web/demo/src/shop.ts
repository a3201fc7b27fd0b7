/*
 * The cart: amounts by item in this tab's storage, written only when the visitor changes something.
 */

const KEY = "shop.cart";
const MAX_AMOUNT = 9;

type Cart = ReadonlyMap<string, number>;

function loadCart(): Cart {
  const cart = new Map<string, number>();
  try {
    for (const [item, amount] of new URLSearchParams(sessionStorage.getItem(KEY) ?? "")) {
      const value = Number(amount);
      if (Number.isInteger(value) && value > 0) {
        cart.set(item, Math.min(value, MAX_AMOUNT));
      }
    }
  } catch {
    /* No storage: the cart is empty on every page. */
  }
  return cart;
}

function setAmount(item: string, amount: number): void {
  const cart = new Map(loadCart());
  cart.set(item, Math.max(0, Math.min(amount, MAX_AMOUNT)));
  try {
    sessionStorage.setItem(
      KEY,
      new URLSearchParams([...cart].map(([name, value]) => [name, String(value)])).toString(),
    );
  } catch {
    /* As above. */
  }
  show();
}

function all(selector: string): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>(selector)];
}

function showCart(cart: Cart): void {
  let total = 0;
  for (const row of all("[data-row]")) {
    const amount = cart.get(row.dataset["row"] ?? "") ?? 0;
    row.hidden = amount === 0;
    total += amount * Number(row.dataset["price"]);
    for (const output of row.querySelectorAll("output")) {
      output.textContent = String(amount);
    }
  }
  for (const part of all("[data-if-empty]")) {
    part.hidden = total > 0;
  }
  for (const part of all("[data-if-full]")) {
    part.hidden = total === 0;
  }
  for (const part of all("[data-total]")) {
    const format = new Intl.NumberFormat(document.documentElement.lang, {
      style: "currency",
      currency: part.dataset["total"] ?? "USD",
      maximumFractionDigits: 0,
    });
    part.textContent = format.format(total);
  }
}

function show(): void {
  const cart = loadCart();
  const count = [...cart.values()].reduce((sum, amount) => sum + amount, 0);
  for (const badge of all("[data-count]")) {
    badge.textContent = String(count);
    badge.hidden = count === 0;
  }
  showCart(cart);
}

for (const button of all("button[data-add]")) {
  button.addEventListener("click", () => {
    const item = button.dataset["add"] ?? "";
    setAmount(item, (loadCart().get(item) ?? 0) + Number(button.dataset["by"] ?? 1));
    const done = button.dataset["done"];
    if (done !== undefined) {
      button.textContent = done;
    }
  });
}

show();
