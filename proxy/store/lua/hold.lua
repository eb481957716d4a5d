-- Keep a running request's reservation and its places in flight for another lease.
--
-- KEYS: the reservation, each limit that counts places.
-- ARGV: now in microseconds ('' for the server's clock), milliseconds to keep the reservation,
--       milliseconds that a place is leased for.

local ends = clock(ARGV[1]) + ARGV[3] * 1000
call('PEXPIRE', KEYS[1], ARGV[2])
for index = 2, #KEYS do
  call('ZADD', KEYS[index], 'XX', ends, KEYS[1])
  call('PEXPIRE', KEYS[index], ARGV[3] + KEPT_MS)
end
