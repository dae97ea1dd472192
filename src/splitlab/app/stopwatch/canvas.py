"""The picture to draw on, with its clock: it times each label in the browser, so that no network or server is in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from splitlab.app.stopwatch.series import MARK, Task
from splitlab.budget.stopwatch import KINDS

CANVAS = "stopwatch canvas"
# Largest size of the picture, in CSS pixels.
_MOST_WIDTH, _MOST_HEIGHT = 860, 420
_HINTS = {
    "box": "Drag from corner to corner; drag a corner to correct it. Enter finishes.",
    "outline": "Click along the edge; drag a point to move it. Enter, or a click on the first point, finishes.",
    MARK: "Click on each object that you want to label. Nothing is timed yet.",
}

_HTML = """
<div class="watch">
  <div class="task"><strong class="say"></strong><span class="clock" role="timer"></span></div>
  <div class="stage" tabindex="0">
    <img class="photo" draggable="false" alt="">
    <svg class="marks"></svg>
    <div class="cover"><button class="start" type="button">Start the clock</button></div>
  </div>
  <div class="row">
    <button class="done" type="button">Done</button>
    <button class="undo" type="button">Undo</button>
    <button class="skip" type="button">Skip</button>
    <button class="pause" type="button">Pause</button>
    <span class="hint"></span>
  </div>
</div>
"""
_CSS = """
.watch { font-family: var(--st-font); color: var(--st-text-color); }
.task { display: flex; justify-content: space-between; gap: 1rem; margin-bottom: .4rem; font-size: 1.1rem; }
.clock { font-variant-numeric: tabular-nums; white-space: nowrap; }
.stage { position: relative; max-width: 100%; overflow: hidden; border-radius: .5rem; line-height: 0;
  touch-action: none; }
.stage:focus-visible { outline: 3px solid var(--st-primary-color); outline-offset: 2px; }
.photo { width: 100%; user-select: none; }
.marks { position: absolute; inset: 0; width: 100%; height: 100%; cursor: crosshair; }
.cover { position: absolute; inset: 0; display: grid; place-items: center;
  background: var(--st-secondary-background-color); }
.row { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem; margin-top: .5rem; }
.hint { font-size: .85rem; flex: 1 1 16rem; }
button { font: inherit; line-height: 1.5; padding: .35rem .9rem; border-radius: .5rem; cursor: pointer; color: inherit;
  border: 1px solid var(--st-border-color); background: var(--st-background-color); }
button:disabled { opacity: .45; cursor: default; }
.start, .done:not(:disabled) { background: var(--st-primary-color); border-color: var(--st-primary-color);
  color: light-dark(#FFFFFF, #14161F); }
[hidden] { display: none !important; }
"""
_JS = """
const NEAR = 12;  // CSS pixels within which a press takes hold of a point
const LEAST = {box: 2, outline: 3, mark: 1};

function makeView(root) {
  const one = (query) => root.querySelector(query);
  const svg = one(".marks"), stage = one(".stage"), photo = one(".photo"), cover = one(".cover");
  let data = {series: null, number: -1}, given = {tasks: []}, unread = [];
  let points = [], held = null, moved = false;
  let running = false, waiting = true, elapsed = 0, since = 0;

  const seconds = () => (elapsed + (running ? performance.now() - since : 0)) / 1000;
  const isOpen = () => running && !waiting;
  const scale = () => svg.getBoundingClientRect().width / data.width || 1;
  const isBox = () => data.kind === "box", isMark = () => data.kind === "mark";

  function add(name, attributes) {
    const shape = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) shape.setAttribute(key, value);
    svg.append(shape);
  }
  function line(corners, name, colour, width, more = {}) {
    add(name, {points: corners.map((corner) => corner.join(",")).join(" "), fill: "none", stroke: colour,
      "stroke-width": width, "vector-effect": "non-scaling-stroke", ...more});
  }
  function dot([x, y], radius, fill, stroke) {
    add("circle", {cx: x, cy: y, r: radius / scale(), fill, stroke, "stroke-width": 2,
      "vector-effect": "non-scaling-stroke"});
  }
  function corners() {
    const [[x, y], [u, v]] = points;
    return [[x, y], [u, y], [u, v], [x, v]];
  }
  function isWhole() {
    if (isBox() && points.length === 2 && points[0].some((value, axis) => Math.abs(value - points[1][axis]) < 1)) {
      return false;
    }
    return points.length >= LEAST[data.kind];
  }
  function draw() {
    svg.setAttribute("viewBox", `0 0 ${data.width} ${data.height}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.replaceChildren();
    if (data.point) {
      dot(data.point, 9, "none", "#000");
      dot(data.point, 7, "none", "#fff");
    }
    const shape = isBox() && points.length === 2 ? corners() : points;
    if (!isMark() && shape.length > 1) {
      const name = isBox() || held === null && isWhole() ? "polygon" : "polyline";
      line(shape, name, "#000", 4, {"stroke-opacity": .6});
      line(shape, name, "#FFD43B", 2, name === "polygon" ? {fill: "rgba(255, 212, 59, .2)"} : {});
    }
    shape.forEach((corner, place) => dot(corner, !isBox() && !isMark() && place === 0 ? 6 : 4, "#FFD43B", "#000"));
    one(".done").disabled = !isOpen() || !isWhole();
    one(".undo").disabled = !isOpen() || !points.length;
    one(".skip").disabled = one(".pause").disabled = !isOpen();
    cover.hidden = running;
    photo.style.visibility = svg.style.visibility = running ? "visible" : "hidden";
    tick();
  }
  function tick() {
    one(".clock").textContent = isMark() ? data.count : `${data.count} \\u00b7 ${seconds().toFixed(0)} s`;
  }
  function run() {
    if (running || data.number < 0) return;
    running = true;
    draw();
    // The clock starts with the frame that shows the object.
    since = performance.now();
    requestAnimationFrame(() => { since = performance.now(); });
    stage.focus({preventScroll: true});
  }
  function pause() {
    if (!running) return;
    elapsed += performance.now() - since;
    running = false;
    held = null;
    one(".start").textContent = "Go on";
    draw();
  }
  function send(message) {
    if (!isOpen()) return;
    unread.push({task: data.id, number: data.number, seconds: seconds(), ...message});
    const next = given.tasks.find((task) => task.number === data.number + 1);
    waiting = true;
    // The server may not have read the last one yet: it takes each once.
    root.send(unread);
    if (next) show(next);
    else draw();
  }
  const finish = () => { if (isWhole()) send({points}); };
  const undo = () => {
    if (!isOpen()) return;
    points = isBox() ? [] : points.slice(0, -1);
    draw();
  };
  function place(event) {
    const rect = svg.getBoundingClientRect();
    const within = (value, most) => Math.round(Math.min(Math.max(value, 0), most) * 100) / 100;
    return [within((event.clientX - rect.left) / rect.width * data.width, data.width),
      within((event.clientY - rect.top) / rect.height * data.height, data.height)];
  }
  function nearest(at) {
    const shown = isBox() && points.length === 2 ? corners() : points;
    const apart = shown.map(([x, y]) => Math.hypot(x - at[0], y - at[1]) * scale());
    const best = apart.indexOf(Math.min(...apart));
    return best >= 0 && apart[best] <= NEAR ? best : null;
  }
  svg.onpointerdown = (event) => {
    if (!isOpen() || event.button) return;
    event.preventDefault();
    stage.focus({preventScroll: true});
    svg.setPointerCapture(event.pointerId);
    const at = place(event), near = nearest(at);
    moved = false;
    if (isBox()) {
      // The opposite corner stays where it is.
      const fixed = near === null || points.length < 2 ? at : corners()[(near + 2) % 4];
      points = [fixed, at];
      held = 1;
    } else if (near === null) {
      points = [...points, at];
      held = points.length - 1;
      moved = true;
    } else {
      held = near;
    }
    draw();
  };
  svg.onpointermove = (event) => {
    if (held === null || !isOpen()) return;
    const at = place(event);
    if (Math.hypot(at[0] - points[held][0], at[1] - points[held][1]) * scale() < 2 && !moved) return;
    moved = true;
    points = points.map((point, which) => which === held ? at : point);
    draw();
  };
  svg.onpointerup = svg.onpointercancel = () => {
    const closes = data.kind === "outline" && held === 0 && !moved && points.length >= LEAST.outline;
    held = null;
    if (!isOpen()) return;
    draw();
    if (closes) finish();
  };
  root.onkeydown = (event) => {
    if (!isOpen() || event.target.tagName === "BUTTON") return;
    if (event.key === "Enter") finish();
    else if (event.key === "Backspace" || event.key === "z" && (event.ctrlKey || event.metaKey)) undo();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  one(".start").onclick = run;
  one(".done").onclick = finish;
  one(".undo").onclick = undo;
  one(".skip").onclick = () => send({skip: true});
  one(".pause").onclick = pause;
  document.addEventListener("visibilitychange", function hide() {
    if (!root.isConnected) document.removeEventListener("visibilitychange", hide);
    else if (document.hidden && isOpen()) pause();
  });
  setInterval(() => { if (isOpen()) tick(); }, 250);

  async function show(next) {
    const goesOn = running && !document.hidden && next.series === data.series;
    data = next;
    points = [];
    held = null;
    elapsed = 0;
    running = false;
    waiting = false;
    stage.style.width = next.shown_width + "px";
    photo.src = next.photo;
    one(".say").textContent = next.say;
    one(".hint").textContent = next.hint;
    one(".skip").hidden = one(".pause").hidden = isMark();
    try { await photo.decode(); } catch { /* An empty picture, which can be skipped. */ }
    if (data !== next) return;
    if (isMark() || goesOn) run();
    else draw();
  }
  return (next) => {
    const [first, second] = next.tasks, again = next.attempt !== given.attempt || first.series !== data.series;
    given = next;
    if (second) new Image().src = second.photo;
    unread = again ? [] : unread.filter((message) => message.number >= first.number);
    // The browser may be ahead by what is on its way to the server.
    if (again || data.number < first.number || data.number > first.number + 1) show(first);
  };
}

export default function ({data, parentElement, setTriggerValue}) {
  const root = parentElement.querySelector(".watch");
  root.send = (message) => setTriggerValue("done", message);
  root.show ??= makeView(root);
  root.show(data);
}
"""

_canvas = st.components.v2.component("splitlab_stopwatch", html=_HTML, css=_CSS, js=_JS)


def show_canvas(tasks: Sequence[Task], attempt: int, on_done: Callable[[object], None]) -> None:
    """Show the picture of the first task with its clock, and call `on_done` with what the browser sends.

    When it is done, the browser shows the second task at once, without waiting for the server.

    Args:
        tasks: What to draw now and, unless that is the last task, next.
        attempt: Another number lets the same task begin anew.
        on_done: Takes a list of messages, oldest first. They come from a browser, so anything can be in them.
    """
    _canvas(
        key=CANVAS,
        data={"tasks": [_task_data(task) for task in tasks], "attempt": attempt},
        on_done_change=lambda: on_done(st.session_state[CANVAS].get("done")),
    )


def _task_data(task: Task) -> dict[str, Any]:
    target = task.target
    return {
        "id": task.id,
        "series": task.series,
        "number": task.number,
        "kind": task.kind,
        "say": _say(task),
        "hint": _HINTS.get(task.kind, ""),
        "count": f"{task.number + 1} of {task.of}",
        "photo": target.picture,
        "width": target.width,
        "height": target.height,
        "point": target.point,
        "shown_width": round(target.width * min(_MOST_WIDTH / target.width, _MOST_HEIGHT / target.height)),
    }


def _say(task: Task) -> str:
    if task.kind == MARK:
        return "Mark the objects in this photo"
    named = task.target.name or "object"
    article = "an" if KINDS[task.kind][0] in "aeiou" else "a"
    return f"Draw {article} {KINDS[task.kind]} around the {named} with the ring"
