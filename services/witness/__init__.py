"""The witness: sees to it that a log only ever grows, and says so under every checkpoint that does.

It speaks C2SP tlog-witness over HTTP. Run it where those who run the log have no access: what it once cosigned, nobody
who holds the log's database and key can take back.
"""
