-- Replace what a reservation took by what was really used: the difference is charged or given back.
--
-- KEYS: the reservation, then the buckets it was made with, in the same order.
-- ARGV: now in microseconds ('' for the server's clock), '' (so that buckets begin where they do
--       in reserve), then four for each bucket (_bucket.lua), the cost being the real one.
-- Returns: 1 or 0 for settled or not there any more, then for each bucket as reserve does.
-- A balance may go below zero. Safe to run twice: the reservation is gone after the first time.

local now = clock(ARGV[1])
local settled = redis.call('EXISTS', KEYS[1])
local reply = { settled }

for index = 2, #KEYS do
  local bucket = refilled(KEYS[index], now, 3 + (index - 2) * WIDTH)
  if settled == 1 then
    local taken = tonumber(redis.call('HGET', KEYS[1], index - 1) or 0)
    bucket.balance = bucket.balance + taken - bucket.cost
    level_off(bucket)
    keep(bucket)
  end
  reply[index] = report(bucket, 0)
end
redis.call('DEL', KEYS[1])
return reply
