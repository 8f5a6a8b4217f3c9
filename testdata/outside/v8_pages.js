// Objects in V8's heap, and what V8 counts of its spaces.
const kept = [];
for (let i = 0; i < 200000; i++) kept.push({ number: i, name: `visitor ${i}` });
global.gc();
const v8 = require('v8');
for (const space of v8.getHeapSpaceStatistics())
  console.log('space', space.space_name, space.space_size, space.space_used_size);
console.log('end');
setTimeout(() => console.log(kept.length), 1e6);
