-- Give up a line's place in rooms; its flow keeps it if another line of it waits.
--
-- KEYS: two for each room (_rooms.lua).
-- ARGV: now in microseconds ('' for the server's clock), the line, the flow in each room.
-- Safe to run twice.

local now = clock(ARGV[1])
for index = 1, #KEYS / 2 do
  local room = { waiting = KEYS[2 * index - 1], known = KEYS[2 * index], flow = ARGV[index + 2] }
  step_out(room, ARGV[2], now)
end
