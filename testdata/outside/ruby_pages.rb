# Objects of one class in Ruby's heap pages, and what Ruby counts.
class Job
  def initialize(number)
    @number = number
    @title = "job number #{number} of a queue"
  end
end
kept = Array.new(50_000) { |i| Job.new(i) }
GC.start
GC.disable
stat = GC.stat
puts "pages #{stat[:heap_allocated_pages]}"
puts "eden #{stat[:heap_eden_pages]} tomb #{stat[:heap_tomb_pages]} slots #{ObjectSpace.count_objects[:TOTAL]}"
puts "objects #{ObjectSpace.count_objects[:T_OBJECT]}"
puts "end"
$stdout.flush
sleep 1000
