// The turns of the open conversation, in their order, and their place on the page.

import { Exchange } from "./exchange.js";
import { log, trouble, welcome } from "./parts.js";

export class Exchanges {
  #all = [];

  /**
   * `hidden` tells how many turns come before the first one that is shown.
   *
   * @param {object} acts  what the buttons of each turn do
   */
  constructor(acts) {
    this.acts = acts;
    this.hidden = 0;
  }

  get last() {
    return this.#all.at(-1);
  }

  /** Whether an answer of any of them is stored. */
  get anyStored() {
    return this.#all.some((one) => one.stored);
  }

  /** The last turn before this one, or how many turns there are that the page does not show. */
  before(exchange) {
    const place = this.#all.indexOf(exchange);
    return place > 0 ? this.#all[place - 1].turnId : this.hidden;
  }

  add(text) {
    const exchange = new Exchange(text, this.acts);
    this.#all.push(exchange);
    log.append(exchange.element);
    this.mark();
    return exchange;
  }

  drop(exchange) {
    exchange.element.remove();
    this.#all = this.#all.filter((one) => one !== exchange);
    trouble.replaceChildren();
    this.mark();
  }

  /** What was never answered goes once something else is asked. */
  dropUnanswered() {
    if (this.last && !this.last.stored) this.drop(this.last);
  }

  clear() {
    this.#all = [];
    this.hidden = 0;
    log.replaceChildren();
    trouble.replaceChildren();
  }

  /** Only the newest one can be taken back; where there is none, a welcome stands. */
  mark() {
    for (const exchange of this.#all) exchange.isLast = exchange === this.last;
    welcome.hidden = this.#all.length > 0;
  }
}
