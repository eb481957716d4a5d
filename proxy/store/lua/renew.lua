-- Go on holding a session for a turn that is running; one that the turn began lives on with it.
--
-- ARGV: turn id, lease in milliseconds.
-- Returns: 1, or 0 when the turn does not hold the session any more. Safe to run twice.

if redis.call('GET', LOCK) ~= ARGV[1] then return 0 end
if unborn(ARGV[1]) then redis.call('PEXPIRE', META, UNBORN_LEASES * ARGV[2]) end
return redis.call('PEXPIRE', LOCK, ARGV[2])
