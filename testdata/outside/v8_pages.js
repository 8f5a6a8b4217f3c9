// Objects in V8's heap, and what V8 counts of its spaces.
const fs = require('fs');
const v8 = require('v8');
const kept = [];
for (let i = 0; i < 200000; i++) kept.push({ number: i, name: `visitor ${i}` });
global.gc();

// The main thread waits without its event loop, on which V8 would collect garbage again once it is idle.
const never = new Int32Array(new SharedArrayBuffer(4));
const wait = (milliseconds) => Atomics.wait(never, 0, 0, milliseconds);

const describe = () => v8.getHeapSpaceStatistics()
  .map((space) => `space ${space.space_name} ${space.space_size} ${space.space_used_size}\n`).join('');
const sizes = (text) => text.replace(/ \d+\n/g, '\n');

// Other threads sweep what was collected: the sizes stand when they are the same twice.
let said = describe();
for (let before = ''; sizes(before) !== sizes(said);) {
  before = said;
  wait(50);
  said = describe();
}
fs.writeSync(1, `${said}end\n`);
wait(1e6);
console.log(kept.length);
