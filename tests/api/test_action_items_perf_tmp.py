import time, asyncpg
from datetime import datetime,UTC
from uuid import uuid4
from app.action_items import reads
from app.tree.paths import ranges
async def test_perf(urls, tenancy, admin, app):
    site = await tenancy.organization()
    sites=[(await tenancy.organization(site["id"]))["id"] for _ in range(40)]
    c = await asyncpg.connect(urls.owner)
    await c.execute("""insert into action_items(tenant_id,id,created_at,updated_at,version,organization_id,practices,title,title_key,status,due_on)
      select $1, gen_random_uuid(), now(), now()-random()*interval '300 days', 1, ($2::uuid[])[1+g%40], array['P'||(1+g%9)], 'Fund coaching '||g, 'fund coaching '||g,
       (array['open','done','in_progress','proposed'])[1+(g/7)%4], case when g%5=0 then null else date '2026-01-01'+(g%700) end from generate_series(1,100000) g""", tenancy.tenant_id, sites)
    await c.execute("analyze"); await c.execute("set plan_cache_mode=force_generic_plan")
    p=await c.fetchval("select path from organizations where id=$1::uuid",site["id"])
    n=0
    def lit(x):
        if x is None: return "null"
        if isinstance(x,list): return "'{"+",".join(x)+"}'"
        if isinstance(x,int): return str(x)
        return "'"+str(x)+"'"
    async def explain(name,scopes=0,order="id",filters=(),descending=False,**kw):
        nonlocal n; n+=1
        rd=reads.LIST.read(filters=filters,order=order,descending=descending,after=False,scopes=scopes)
        args=rd.arguments(dict(tenant_id=tenancy.tenant_id,row_limit=51,now=datetime.now(UTC),as_of=None,**ranges([p]),**kw))
        await c.execute(f"prepare s{n} as "+rd.sql)
        rows=await c.fetch(f"explain (analyze) execute s{n}("+",".join(map(lit,args))+")")
        print("-----",name); print("\n".join(r[0] for r in rows))
    await explain("plain"); await explain("scoped",1); await explain("due",order="due_on"); await explain("status",filters=["status"],status=["open"])
    await explain("overdue",filters=["overdue"]); await explain("overdue by due",filters=["overdue"],order="due_on"); await explain("upd",order="updated_at",descending=True)
    await explain("owner",filters=["owner_id"],owner_id=uuid4())
    rd=reads.LIST.read(filters=[],order="id",descending=False,after=False,scopes=0)
    pool=app.state.service.database.reads
    rows=await pool.fetch(rd,tenant_id=tenancy.tenant_id,row_limit=51)
    principal=await app.state.service.authenticate({"authorization":f"Bearer {admin.token}"})
    from app.http.respond import to_bytes
    from app.action_items.schemas import ActionItemRead
    v=reads.View(principal,datetime.now(UTC))
    some=v(rows[0])
    for name,f in (("dict",lambda r:dict(r)),("dictitems",lambda r:dict(r.items())),("trusted",lambda r:reads._trusted({})),("view",lambda r:v(r)),("bytes",lambda r:to_bytes(some)),("validate",lambda r: ActionItemRead.model_validate(some.__dict__))):
        best=9
        for _ in range(200):
            t=time.perf_counter(); [f(r) for r in rows]; best=min(best,time.perf_counter()-t)
        print(name,f"{best/51*1e6:.2f} us a row")
    await c.close()
    assert 0
