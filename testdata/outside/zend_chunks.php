<?php
// Objects of one class in Zend MM, and what it counts itself.
class Order { public $number; public $text; function __construct($n) { $this->number = $n; $this->text = str_repeat("order $n ", 20); } }
$kept = [];
for ($i = 0; $i < 40000; $i++) $kept[] = new Order($i);
$large = str_repeat("x", 5000000);
echo "used ", memory_get_usage(), "\nreal ", memory_get_usage(true), "\nend\n";
sleep(1000);
