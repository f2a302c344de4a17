def test_x(asked):
    for a in (["explain","A"],["explain","A","--at","2026-01-20"],["explain","E"],["explain","nobody"],["explain","A","--format","json"],["report","ageing"],["report","ageing","--format","json"],["report","ageing","--format","csv"],["report","pipeline"],["report","pipeline","--format","csv"],["audit","verify"],["audit","verify","--format","json"],["advance"],["advance","--until","2026-03-05"],["migrate"],["explain","A","--at","2027-01-01"],["explain","\udcff"]):
        s=asked(*a); open("/tmp/probe.out","a").write(f"--- {a} {s.status}\n{s.out[:3500]}\nERR {s.err}\n")
