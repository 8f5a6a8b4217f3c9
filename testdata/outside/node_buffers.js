// Buffers outside of V8's heap, and what node says that they and the heap take.
const fs = require('fs');

const BUFFERS = 1200;
const SIZE = 30011;

// The main thread waits without its event loop, on which V8 would collect garbage again once it is idle.
const never = new Int32Array(new SharedArrayBuffer(4));
const wait = (milliseconds) => Atomics.wait(never, 0, 0, milliseconds);

for (let i = 0; i < 5; i++) global.gc();
const before = process.memoryUsage().arrayBuffers;
const kept = [];
for (let i = 0; i < BUFFERS; i++) kept.push(new Uint8Array(SIZE).fill(i));
for (let i = 0; i < 5; i++) global.gc();

// Other threads sweep what was collected: the size stands when it is the same twice.
let said = process.memoryUsage();
for (let last = 0; last !== said.heapTotal;) {
  last = said.heapTotal;
  wait(50);
  said = process.memoryUsage();
}
fs.writeSync(1, `buffers ${BUFFERS}\nsize ${SIZE}\narray_buffers ${said.arrayBuffers - before}\n`
  + `heap_total ${said.heapTotal}\nend\n`);
wait(1e6);
console.log(kept.length);
