"""Jinja template, compiled by scripts/templates.py; do not edit."""
# ruff: noqa
# mypy: ignore-errors
JINJA = '3.1.6'
SOURCE = 'bee64e615e09577e5690334008969a6a3a93552b96e48c974fe2acca473a84ed'
from jinja2.runtime import LoopContext, Macro, Markup, Namespace, TemplateNotFound, TemplateReference, TemplateRuntimeError, Undefined, escape, identity, internalcode, markup_join, missing, str_join
name = 'report.html.jinja'

def root(context, missing=missing):
    resolve = context.resolve_or_missing
    undefined = environment.undefined
    concat = environment.concat
    cond_expr_undefined = Undefined
    if 0: yield None
    l_0_report = resolve('report')
    l_0_policy = resolve('policy')
    l_0_style = resolve('style')
    l_0_phrases = resolve('phrases')
    l_0_formatting = resolve('formatting')
    l_0_tables = resolve('tables')
    l_0_label_bars = resolve('label_bars')
    l_0_notation = resolve('notation')
    l_0_script = resolve('script')
    l_0_named = l_0_sentence = l_0_shape = l_0_axis_labels = l_0_strip = l_0_cell = l_0_drawing = l_0_table_cell = l_0_table_of = l_0_confusion_bars = l_0_metric_names = l_0_verdict = l_0_labels = l_0_staged = missing
    try:
        t_1 = environment.filters['along']
    except KeyError:
        @internalcode
        def t_1(*unused):
            raise TemplateRuntimeError("No filter named 'along' found.")
    try:
        t_2 = environment.filters['capital']
    except KeyError:
        @internalcode
        def t_2(*unused):
            raise TemplateRuntimeError("No filter named 'capital' found.")
    try:
        t_3 = environment.filters['describe']
    except KeyError:
        @internalcode
        def t_3(*unused):
            raise TemplateRuntimeError("No filter named 'describe' found.")
    try:
        t_4 = environment.filters['format']
    except KeyError:
        @internalcode
        def t_4(*unused):
            raise TemplateRuntimeError("No filter named 'format' found.")
    try:
        t_5 = environment.filters['join']
    except KeyError:
        @internalcode
        def t_5(*unused):
            raise TemplateRuntimeError("No filter named 'join' found.")
    try:
        t_6 = environment.filters['length']
    except KeyError:
        @internalcode
        def t_6(*unused):
            raise TemplateRuntimeError("No filter named 'length' found.")
    try:
        t_7 = environment.filters['list']
    except KeyError:
        @internalcode
        def t_7(*unused):
            raise TemplateRuntimeError("No filter named 'list' found.")
    try:
        t_8 = environment.filters['map']
    except KeyError:
        @internalcode
        def t_8(*unused):
            raise TemplateRuntimeError("No filter named 'map' found.")
    try:
        t_9 = environment.filters['segments']
    except KeyError:
        @internalcode
        def t_9(*unused):
            raise TemplateRuntimeError("No filter named 'segments' found.")
    try:
        t_10 = environment.filters['subscripts']
    except KeyError:
        @internalcode
        def t_10(*unused):
            raise TemplateRuntimeError("No filter named 'subscripts' found.")
    try:
        t_11 = environment.filters['unique']
    except KeyError:
        @internalcode
        def t_11(*unused):
            raise TemplateRuntimeError("No filter named 'unique' found.")
    try:
        t_12 = environment.filters['word']
    except KeyError:
        @internalcode
        def t_12(*unused):
            raise TemplateRuntimeError("No filter named 'word' found.")
    try:
        t_13 = environment.tests['defined']
    except KeyError:
        @internalcode
        def t_13(*unused):
            raise TemplateRuntimeError("No test named 'defined' found.")
    try:
        t_14 = environment.tests['name']
    except KeyError:
        @internalcode
        def t_14(*unused):
            raise TemplateRuntimeError("No test named 'name' found.")
    try:
        t_15 = environment.tests['none']
    except KeyError:
        @internalcode
        def t_15(*unused):
            raise TemplateRuntimeError("No test named 'none' found.")
    try:
        t_16 = environment.tests['where']
    except KeyError:
        @internalcode
        def t_16(*unused):
            raise TemplateRuntimeError("No test named 'where' found.")
    pass
    def macro(l_1_it):
        t_17 = []
        if l_1_it is missing:
            l_1_it = undefined("parameter 'it' was not provided", name='it')
        pass
        if t_16(l_1_it):
            pass
            t_17.extend((
                '<bdi><bdi>',
                escape(environment.finalize(environment.getattr(l_1_it, 'column'))),
                '</bdi>=<bdi>',
                escape(environment.finalize(environment.getattr(l_1_it, 'value'))),
                '</bdi></bdi>',
            ))
        else:
            pass
            t_17.extend((
                '<bdi>',
                escape(environment.finalize(l_1_it)),
                '</bdi>',
            ))
        return concat(t_17)
    context.exported_vars.add('named')
    context.vars['named'] = l_0_named = Macro(environment, macro, 'named', ('it',), False, False, False, context.eval_ctx.autoescape)
    def macro(l_1_parts):
        t_18 = []
        if l_1_parts is missing:
            l_1_parts = undefined("parameter 'parts' was not provided", name='parts')
        pass
        for l_2_part in l_1_parts:
            _loop_vars = {}
            pass
            if t_14(l_2_part):
                pass
                t_18.append(
                    escape(environment.finalize(context.call((undefined(name='named') if l_0_named is missing else l_0_named), l_2_part, _loop_vars=_loop_vars))),
                )
            else:
                pass
                t_18.append(
                    escape(environment.finalize(l_2_part)),
                )
        l_2_part = missing
        return concat(t_18)
    context.exported_vars.add('sentence')
    context.vars['sentence'] = l_0_sentence = Macro(environment, macro, 'sentence', ('parts',), False, False, False, context.eval_ctx.autoescape)
    def macro(l_1_kind):
        t_19 = []
        if l_1_kind is missing:
            l_1_kind = undefined("parameter 'kind' was not provided", name='kind')
        pass
        t_19.extend((
            '<svg class="shape ',
            escape(environment.finalize(l_1_kind)),
            '" width="16" height="16" viewBox="-8 -8 16 16" aria-hidden="true"><use href="#',
            escape(environment.finalize(l_1_kind)),
            '"/></svg>',
        ))
        return concat(t_19)
    context.exported_vars.add('shape')
    context.vars['shape'] = l_0_shape = Macro(environment, macro, 'shape', ('kind',), False, False, False, context.eval_ctx.autoescape)
    def macro(l_1_picture):
        t_20 = []
        if l_1_picture is missing:
            l_1_picture = undefined("parameter 'picture' was not provided", name='picture')
        pass
        t_20.append(
            '<svg class="ticks" width="100%" height="18" aria-hidden="true">\n',
        )
        for l_2_tick in environment.getattr(environment.getattr(l_1_picture, 'axis'), 'ticks'):
            _loop_vars = {}
            pass
            t_20.extend((
                '<text x="',
                escape(environment.finalize(t_1(environment.getattr(l_1_picture, 'axis'), l_2_tick))),
                '" y="13">',
                escape(environment.finalize(context.call(environment.getattr((undefined(name='formatting') if l_0_formatting is missing else l_0_formatting), 'format_tick'), l_2_tick, _loop_vars=_loop_vars))),
                '</text>',
            ))
        l_2_tick = missing
        t_20.append(
            '</svg>\n',
        )
        return concat(t_20)
    context.exported_vars.add('axis_labels')
    context.vars['axis_labels'] = l_0_axis_labels = Macro(environment, macro, 'axis_labels', ('picture',), False, False, False, context.eval_ctx.autoescape)
    def macro(l_1_picture, l_1_dot):
        t_21 = []
        l_1_left = resolve('left')
        l_1_right = resolve('right')
        l_1_start = resolve('start')
        l_1_end = resolve('end')
        l_1_kind = resolve('kind')
        l_1_axis = l_1_measurement = missing
        if l_1_picture is missing:
            l_1_picture = undefined("parameter 'picture' was not provided", name='picture')
        if l_1_dot is missing:
            l_1_dot = undefined("parameter 'dot' was not provided", name='dot')
        pass
        l_1_axis = environment.getattr(l_1_picture, 'axis')
        l_1_measurement = environment.getattr(l_1_dot, 'measurement')
        t_21.extend((
            '<svg class="strip" role="img" width="100%" height="26"><title>',
            escape(environment.finalize(environment.getattr(environment.getattr(l_1_dot, 'group'), 'where'))),
            '</title><desc>',
            escape(environment.finalize(environment.getattr(l_1_picture, 'metric'))),
            ' ',
            escape(environment.finalize(t_3((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), environment.getattr(l_1_picture, 'decimals'), environment.getattr(l_1_picture, 'compared_with')))),
            '</desc>\n',
        ))
        if ((not t_15(environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'low'))) or (not t_15(environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'high')))):
            pass
            l_1_left = (context.call(environment.getattr((undefined(name='axis') if l_1_axis is missing else l_1_axis), 'locate'), environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'low')) if (not t_15(environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'low'))) else 0)
            l_1_right = (context.call(environment.getattr((undefined(name='axis') if l_1_axis is missing else l_1_axis), 'locate'), environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'high')) if (not t_15(environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'high'))) else 1)
            t_21.extend((
                '<rect class="band" x="',
                escape(environment.finalize(t_4('%.2f', (100 * (undefined(name='left') if l_1_left is missing else l_1_left))))),
                '%" width="',
                escape(environment.finalize(t_4('%.2f', (100 * ((undefined(name='right') if l_1_right is missing else l_1_right) - (undefined(name='left') if l_1_left is missing else l_1_left)))))),
                '%" height="100%"/>\n',
            ))
        for l_2_tick in environment.getattr((undefined(name='axis') if l_1_axis is missing else l_1_axis), 'ticks'):
            _loop_vars = {}
            pass
            t_21.extend((
                '<line class="',
                escape(environment.finalize(('zero' if (l_2_tick == environment.getattr(l_1_picture, 'parity')) else 'grid'))),
                '" x1="',
                escape(environment.finalize(t_1((undefined(name='axis') if l_1_axis is missing else l_1_axis), l_2_tick))),
                '" x2="',
                escape(environment.finalize(t_1((undefined(name='axis') if l_1_axis is missing else l_1_axis), l_2_tick))),
                '" y2="100%"/>',
            ))
        l_2_tick = missing
        def t_22(fiter):
            for l_2_bound in fiter:
                if ((not t_15(l_2_bound)) and context.call(environment.getattr((undefined(name='axis') if l_1_axis is missing else l_1_axis), 'contains'), l_2_bound)):
                    yield l_2_bound
        for l_2_bound in t_22((environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'low'), environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'high'))):
            _loop_vars = {}
            pass
            t_21.extend((
                '<line class="bound" x1="',
                escape(environment.finalize(t_1((undefined(name='axis') if l_1_axis is missing else l_1_axis), l_2_bound))),
                '" x2="',
                escape(environment.finalize(t_1((undefined(name='axis') if l_1_axis is missing else l_1_axis), l_2_bound))),
                '" y2="100%"/>',
            ))
        l_2_bound = missing
        if t_15(environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'value')):
            pass
            t_21.extend((
                '<text class="none" x="',
                escape(environment.finalize(t_1((undefined(name='axis') if l_1_axis is missing else l_1_axis), environment.getattr(l_1_picture, 'parity')))),
                '" y="17" dx="6">not defined</text>\n',
            ))
        else:
            pass
            if (not t_15(environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'before'))):
                pass
                t_21.extend((
                    '<line class="moved" x1="',
                    escape(environment.finalize(t_1((undefined(name='axis') if l_1_axis is missing else l_1_axis), environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'before')))),
                    '" x2="',
                    escape(environment.finalize(t_1((undefined(name='axis') if l_1_axis is missing else l_1_axis), environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'value')))),
                    '" y1="13" y2="13"/><use class="before" href="#before" x="',
                    escape(environment.finalize(t_1((undefined(name='axis') if l_1_axis is missing else l_1_axis), environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'before')))),
                    '" y="13"/>\n',
                ))
            if environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'interval'):
                pass
                (l_1_start, l_1_end) = environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'interval')
                t_21.extend((
                    '<line class="whisker" x1="',
                    escape(environment.finalize(t_1((undefined(name='axis') if l_1_axis is missing else l_1_axis), (undefined(name='start') if l_1_start is missing else l_1_start)))),
                    '" x2="',
                    escape(environment.finalize(t_1((undefined(name='axis') if l_1_axis is missing else l_1_axis), (undefined(name='end') if l_1_end is missing else l_1_end)))),
                    '" y1="13" y2="13"/><use class="whisker" href="#',
                    escape(environment.finalize(('end' if context.call(environment.getattr((undefined(name='axis') if l_1_axis is missing else l_1_axis), 'contains'), (undefined(name='start') if l_1_start is missing else l_1_start)) else 'left'))),
                    '" x="',
                    escape(environment.finalize(t_1((undefined(name='axis') if l_1_axis is missing else l_1_axis), (undefined(name='start') if l_1_start is missing else l_1_start)))),
                    '" y="13"/><use class="whisker" href="#',
                    escape(environment.finalize(('end' if context.call(environment.getattr((undefined(name='axis') if l_1_axis is missing else l_1_axis), 'contains'), (undefined(name='end') if l_1_end is missing else l_1_end)) else 'right'))),
                    '" x="',
                    escape(environment.finalize(t_1((undefined(name='axis') if l_1_axis is missing else l_1_axis), (undefined(name='end') if l_1_end is missing else l_1_end)))),
                    '" y="13"/>\n',
                ))
            l_1_kind = t_12(environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'outcome'))
            t_21.extend((
                '<use class="',
                escape(environment.finalize((undefined(name='kind') if l_1_kind is missing else l_1_kind))),
                '" href="#',
                escape(environment.finalize((undefined(name='kind') if l_1_kind is missing else l_1_kind))),
                '" x="',
                escape(environment.finalize(t_1((undefined(name='axis') if l_1_axis is missing else l_1_axis), environment.getattr((undefined(name='measurement') if l_1_measurement is missing else l_1_measurement), 'value')))),
                '" y="13"/>\n',
            ))
        t_21.append(
            '</svg>\n',
        )
        return concat(t_21)
    context.exported_vars.add('strip')
    context.vars['strip'] = l_0_strip = Macro(environment, macro, 'strip', ('picture', 'dot'), False, False, False, context.eval_ctx.autoescape)
    def macro(l_1_measurement, l_1_decimals):
        t_23 = []
        l_1_kind = missing
        if l_1_measurement is missing:
            l_1_measurement = undefined("parameter 'measurement' was not provided", name='measurement')
        if l_1_decimals is missing:
            l_1_decimals = undefined("parameter 'decimals' was not provided", name='decimals')
        pass
        l_1_kind = t_12(environment.getattr(l_1_measurement, 'outcome'))
        if t_15(environment.getattr(l_1_measurement, 'value')):
            pass
            t_23.extend((
                '<td class="number undefined',
                escape(environment.finalize((markup_join((' ', (undefined(name='kind') if l_1_kind is missing else l_1_kind), )) if ((undefined(name='kind') if l_1_kind is missing else l_1_kind) in ('violation', 'ignored')) else cond_expr_undefined("the inline if-expression on line 38 in 'report.html.jinja' evaluated to false and no else section was defined.")))),
                '">',
            ))
            if ((undefined(name='kind') if l_1_kind is missing else l_1_kind) == 'violation'):
                pass
                t_23.append(
                    '<i>violation </i>',
                )
            t_23.extend((
                escape(environment.finalize(('hidden' if environment.getattr(l_1_measurement, 'hidden') else 'not defined'))),
                '</td>',
            ))
        elif ((undefined(name='kind') if l_1_kind is missing else l_1_kind) in ('violation', 'inconclusive', 'ignored')):
            pass
            t_23.extend((
                '<td class="number ',
                escape(environment.finalize((undefined(name='kind') if l_1_kind is missing else l_1_kind))),
                ' heat-',
                escape(environment.finalize(environment.getattr(l_1_measurement, 'heat'))),
                '"><i>',
                escape(environment.finalize((undefined(name='kind') if l_1_kind is missing else l_1_kind))),
                ' </i>',
                escape(environment.finalize(context.call(environment.getattr((undefined(name='formatting') if l_0_formatting is missing else l_0_formatting), 'format_number'), environment.getattr(l_1_measurement, 'value'), l_1_decimals))),
                '</td>',
            ))
        else:
            pass
            t_23.extend((
                '<td class="number heat-',
                escape(environment.finalize(environment.getattr(l_1_measurement, 'heat'))),
                '">',
                escape(environment.finalize(context.call(environment.getattr((undefined(name='formatting') if l_0_formatting is missing else l_0_formatting), 'format_number'), environment.getattr(l_1_measurement, 'value'), l_1_decimals))),
                '</td>',
            ))
        return concat(t_23)
    context.exported_vars.add('cell')
    context.vars['cell'] = l_0_cell = Macro(environment, macro, 'cell', ('measurement', 'decimals'), False, False, False, context.eval_ctx.autoescape)
    def macro(l_1_picture, l_1_facet):
        t_24 = []
        if l_1_picture is missing:
            l_1_picture = undefined("parameter 'picture' was not provided", name='picture')
        if l_1_facet is missing:
            l_1_facet = undefined("parameter 'facet' was not provided", name='facet')
        pass
        t_24.extend((
            '<figure>\n<figcaption>\n<h3>',
            escape(environment.finalize(environment.getattr(l_1_picture, 'metric'))),
            ' by ',
            escape(environment.finalize(context.call((undefined(name='named') if l_0_named is missing else l_0_named), environment.getattr(l_1_facet, 'column')))),
            '</h3>\n',
        ))
        if environment.getattr(l_1_picture, 'omitted'):
            pass
            t_24.extend((
                '<p>',
                escape(environment.finalize(context.call(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'describe_drawn'), l_1_picture, l_1_facet))),
                '</p>',
            ))
        t_24.append(
            '<ul class="legend">\n',
        )
        if environment.getattr(l_1_picture, 'bounded'):
            pass
            t_24.append(
                '<li><svg width="22" height="14" aria-hidden="true"><rect class="band" width="22" height="14"/><line class="bound" x1="1" x2="1" y2="14"/><line class="bound" x1="21" x2="21" y2="14"/></svg> allowed</li>',
            )
        def t_25(fiter):
            for l_2_kind in fiter:
                if (l_2_kind in t_8(context, environment.getattr(l_1_picture, 'outcomes'), 'word')):
                    yield l_2_kind
        for l_2_kind in t_25(('violation', 'inconclusive', 'pass', 'ignored', 'unjudged')):
            _loop_vars = {}
            pass
            t_24.extend((
                '<li>',
                escape(environment.finalize(context.call((undefined(name='shape') if l_0_shape is missing else l_0_shape), l_2_kind, _loop_vars=_loop_vars))),
                ' ',
                escape(environment.finalize(('not judged' if (l_2_kind == 'unjudged') else l_2_kind))),
                '</li>',
            ))
        l_2_kind = missing
        if environment.getattr(l_1_picture, 'intervals'):
            pass
            t_24.append(
                '<li><svg class="shape" width="26" height="14" viewBox="-13 -7 26 14" aria-hidden="true"><path class="whisker" d="M-11 0H11M-11-4V4M11-4V4"/></svg> confidence interval</li>',
            )
        if environment.getattr(l_1_picture, 'compared'):
            pass
            t_24.extend((
                '<li>',
                escape(environment.finalize(context.call((undefined(name='shape') if l_0_shape is missing else l_0_shape), 'before'))),
                ' ',
                escape(environment.finalize(environment.getattr(l_1_picture, 'compared_with'))),
                '</li>',
            ))
        t_24.extend((
            '</ul>\n</figcaption>\n<table class="dots',
            escape(environment.finalize((' wide' if environment.getattr(l_1_picture, 'long_names') else cond_expr_undefined("the inline if-expression on line 57 in 'report.html.jinja' evaluated to false and no else section was defined.")))),
            '">\n<thead><tr>\n<th scope="col">',
            escape(environment.finalize(context.call((undefined(name='named') if l_0_named is missing else l_0_named), environment.getattr(l_1_facet, 'column')))),
            '</th>\n<th scope="col" class="axis"><span class="unseen">',
            escape(environment.finalize(environment.getattr(l_1_picture, 'metric'))),
            ' on an axis from ',
            escape(environment.finalize(context.call(environment.getattr((undefined(name='formatting') if l_0_formatting is missing else l_0_formatting), 'format_tick'), environment.getitem(environment.getattr(environment.getattr(l_1_picture, 'axis'), 'ticks'), 0)))),
            ' to ',
            escape(environment.finalize(context.call(environment.getattr((undefined(name='formatting') if l_0_formatting is missing else l_0_formatting), 'format_tick'), environment.getitem(environment.getattr(environment.getattr(l_1_picture, 'axis'), 'ticks'), -1)))),
            '</span>\n<span class="ends"><span>',
        ))
        if environment.getattr(l_1_picture, 'below'):
            pass
            t_24.extend((
                '← ',
                escape(environment.finalize(environment.getattr(l_1_picture, 'below'))),
            ))
        t_24.extend((
            '</span><span>',
            escape(environment.finalize(environment.getattr(l_1_picture, 'above'))),
            ' →</span></span>\n',
            escape(environment.finalize(context.call((undefined(name='axis_labels') if l_0_axis_labels is missing else l_0_axis_labels), l_1_picture))),
            '</th>\n<th scope="col" class="number">',
            escape(environment.finalize(environment.getattr(l_1_picture, 'metric'))),
            '</th>\n',
        ))
        if environment.getattr(l_1_picture, 'compared'):
            pass
            t_24.extend((
                '<th scope="col" class="number">',
                escape(environment.finalize(t_2(environment.getattr(l_1_picture, 'compared_with')))),
                '</th>',
            ))
        if environment.getattr(l_1_facet, 'counted'):
            pass
            t_24.append(
                '<th scope="col" class="number spare">Rows</th>',
            )
        t_24.append(
            '</tr></thead>\n<tbody>\n',
        )
        for l_2_dot in environment.getattr(l_1_picture, 'dots'):
            _loop_vars = {}
            pass
            t_24.extend((
                '<tr class="',
                escape(environment.finalize(t_12(environment.getattr(environment.getattr(l_2_dot, 'measurement'), 'outcome')))),
                '">\n<th scope="row">',
                escape(environment.finalize(context.call((undefined(name='named') if l_0_named is missing else l_0_named), environment.getattr(environment.getattr(l_2_dot, 'group'), 'value'), _loop_vars=_loop_vars))),
                '</th>\n<td>',
                escape(environment.finalize(context.call((undefined(name='strip') if l_0_strip is missing else l_0_strip), l_1_picture, l_2_dot, _loop_vars=_loop_vars))),
                '</td>\n',
                escape(environment.finalize(context.call((undefined(name='cell') if l_0_cell is missing else l_0_cell), environment.getattr(l_2_dot, 'measurement'), environment.getattr(l_1_picture, 'decimals'), _loop_vars=_loop_vars))),
                '\n',
            ))
            if environment.getattr(l_1_picture, 'compared'):
                pass
                t_24.extend((
                    '<td class="number">',
                    escape(environment.finalize((context.call(environment.getattr((undefined(name='formatting') if l_0_formatting is missing else l_0_formatting), 'format_number'), environment.getattr(environment.getattr(l_2_dot, 'measurement'), 'before'), environment.getattr(l_1_picture, 'decimals'), _loop_vars=_loop_vars) if (not t_15(environment.getattr(environment.getattr(l_2_dot, 'measurement'), 'before'))) else '–'))),
                    '</td>',
                ))
            if environment.getattr(l_1_facet, 'counted'):
                pass
                t_24.extend((
                    '<td class="number spare">',
                    escape(environment.finalize((context.call(environment.getattr((undefined(name='formatting') if l_0_formatting is missing else l_0_formatting), 'format_count'), environment.getattr(environment.getattr(environment.getattr(environment.getattr(l_2_dot, 'group'), 'split'), 'd'), 'rows'), _loop_vars=_loop_vars) if environment.getattr(environment.getattr(l_2_dot, 'group'), 'split') else '–'))),
                    '</td>',
                ))
            t_24.append(
                '</tr>\n',
            )
        l_2_dot = missing
        t_24.append(
            '</tbody>\n',
        )
        if (t_6(environment.getattr(l_1_picture, 'dots')) > 12):
            pass
            t_24.extend((
                '<tfoot aria-hidden="true"><tr><td></td><td class="axis">',
                escape(environment.finalize(context.call((undefined(name='axis_labels') if l_0_axis_labels is missing else l_0_axis_labels), l_1_picture))),
                '</td></tr></tfoot>\n',
            ))
        t_24.append(
            '</table>\n</figure>\n',
        )
        return concat(t_24)
    context.exported_vars.add('drawing')
    context.vars['drawing'] = l_0_drawing = Macro(environment, macro, 'drawing', ('picture', 'facet'), False, False, False, context.eval_ctx.autoescape)
    def macro(l_1_table, l_1_row, l_1_column):
        t_26 = []
        l_1_it = l_1_value = l_1_mark = l_1_kind = missing
        if l_1_table is missing:
            l_1_table = undefined("parameter 'table' was not provided", name='table')
        if l_1_row is missing:
            l_1_row = undefined("parameter 'row' was not provided", name='row')
        if l_1_column is missing:
            l_1_column = undefined("parameter 'column' was not provided", name='column')
        pass
        l_1_it = environment.getitem(environment.getattr(l_1_table, 'columns'), l_1_column)
        l_1_value = environment.getitem(environment.getitem(environment.getattr(l_1_table, 'rows'), l_1_row), l_1_column)
        l_1_mark = context.call(environment.getattr(environment.getattr(l_1_table, 'marks'), 'get'), (l_1_row, l_1_column))
        l_1_kind = (t_12(environment.getattr((undefined(name='mark') if l_1_mark is missing else l_1_mark), 'outcome')) if (undefined(name='mark') if l_1_mark is missing else l_1_mark) else 'unjudged')
        if (environment.getattr((undefined(name='it') if l_1_it is missing else l_1_it), 'kind') == 'text'):
            pass
            t_26.append(
                '<td>',
            )
            if t_14((undefined(name='value') if l_1_value is missing else l_1_value)):
                pass
                t_26.append(
                    escape(environment.finalize(context.call((undefined(name='named') if l_0_named is missing else l_0_named), (undefined(name='value') if l_1_value is missing else l_1_value)))),
                )
            else:
                pass
                t_26.append(
                    escape(environment.finalize(context.call(environment.getattr(l_1_table, 'format_cell'), l_1_row, l_1_column))),
                )
            t_26.append(
                '</td>',
            )
        elif ((environment.getattr((undefined(name='it') if l_1_it is missing else l_1_it), 'kind') == 'metric') and t_15((undefined(name='value') if l_1_value is missing else l_1_value))):
            pass
            t_26.extend((
                '<td class="number undefined',
                escape(environment.finalize((markup_join((' ', (undefined(name='kind') if l_1_kind is missing else l_1_kind), )) if ((undefined(name='kind') if l_1_kind is missing else l_1_kind) in ('violation', 'ignored')) else cond_expr_undefined("the inline if-expression on line 90 in 'report.html.jinja' evaluated to false and no else section was defined.")))),
                '">',
            ))
            if ((undefined(name='kind') if l_1_kind is missing else l_1_kind) == 'violation'):
                pass
                t_26.append(
                    '<i>violation </i>',
                )
            t_26.extend((
                escape(environment.finalize(context.call(environment.getattr(l_1_table, 'format_cell'), l_1_row, l_1_column))),
                '</td>',
            ))
        elif ((undefined(name='kind') if l_1_kind is missing else l_1_kind) in ('violation', 'inconclusive', 'ignored')):
            pass
            t_26.extend((
                '<td class="number ',
                escape(environment.finalize((undefined(name='kind') if l_1_kind is missing else l_1_kind))),
                ' heat-',
                escape(environment.finalize(environment.getattr((undefined(name='mark') if l_1_mark is missing else l_1_mark), 'heat'))),
                '"><i>',
                escape(environment.finalize((undefined(name='kind') if l_1_kind is missing else l_1_kind))),
                ' </i>',
                escape(environment.finalize(context.call(environment.getattr(l_1_table, 'format_cell'), l_1_row, l_1_column))),
                '</td>',
            ))
        else:
            pass
            t_26.extend((
                '<td class="number',
                escape(environment.finalize((t_4(' heat-%d', environment.getattr((undefined(name='mark') if l_1_mark is missing else l_1_mark), 'heat')) if ((undefined(name='mark') if l_1_mark is missing else l_1_mark) and (environment.getattr((undefined(name='it') if l_1_it is missing else l_1_it), 'kind') == 'metric')) else cond_expr_undefined("the inline if-expression on line 94 in 'report.html.jinja' evaluated to false and no else section was defined.")))),
                '">',
                escape(environment.finalize(context.call(environment.getattr(l_1_table, 'format_cell'), l_1_row, l_1_column))),
            ))
            if (((not t_15((undefined(name='value') if l_1_value is missing else l_1_value))) and ((l_1_column + 1) < t_6(environment.getattr(l_1_table, 'columns')))) and (environment.getattr(environment.getitem(environment.getattr(l_1_table, 'columns'), (l_1_column + 1)), 'kind') == 'interval')):
                pass
                t_26.extend((
                    '<small>',
                    escape(environment.finalize(context.call(environment.getattr(l_1_table, 'format_cell'), l_1_row, (l_1_column + 1)))),
                    '</small>',
                ))
            t_26.append(
                '</td>',
            )
        return concat(t_26)
    context.exported_vars.add('table_cell')
    context.vars['table_cell'] = l_0_table_cell = Macro(environment, macro, 'table_cell', ('table', 'row', 'column'), False, False, False, context.eval_ctx.autoescape)
    def macro(l_1_table, l_1_class, l_1_heading, l_1_wide, l_1_bars, l_1_caller):
        t_27 = []
        if l_1_table is missing:
            l_1_table = undefined("parameter 'table' was not provided", name='table')
        if l_1_class is missing:
            l_1_class = 'overview'
        if l_1_heading is missing:
            l_1_heading = True
        if l_1_wide is missing:
            l_1_wide = False
        if l_1_bars is missing:
            l_1_bars = None
        pass
        if l_1_heading:
            pass
            t_27.extend((
                '<h3 id="',
                escape(environment.finalize(environment.getattr(l_1_table, 'name'))),
                '">',
                escape(environment.finalize(context.call((undefined(name='sentence') if l_0_sentence is missing else l_0_sentence), environment.getattr(l_1_table, 'title')))),
                '</h3>\n',
            ))
        if t_13(l_1_caller):
            pass
            t_27.append(
                escape(environment.finalize(context.call(l_1_caller))),
            )
        if environment.getattr(l_1_table, 'caption'):
            pass
            t_27.extend((
                '<p class="caption">',
                escape(environment.finalize(context.call((undefined(name='sentence') if l_0_sentence is missing else l_0_sentence), environment.getattr(l_1_table, 'caption')))),
                '</p>',
            ))
        t_27.extend((
            '<div class="scroll',
            escape(environment.finalize((' tall' if (t_6(environment.getattr(l_1_table, 'rows')) > 30) else cond_expr_undefined("the inline if-expression on line 103 in 'report.html.jinja' evaluated to false and no else section was defined.")))),
            '" role="region" aria-labelledby="',
            escape(environment.finalize(environment.getattr(l_1_table, 'name'))),
            '" tabindex="0">\n<table class="',
            escape(environment.finalize(l_1_class)),
            escape(environment.finalize((' wide' if l_1_wide else cond_expr_undefined("the inline if-expression on line 104 in 'report.html.jinja' evaluated to false and no else section was defined.")))),
            '">\n<thead><tr>\n<th scope="col">',
            escape(environment.finalize(context.call((undefined(name='named') if l_0_named is missing else l_0_named), environment.getattr(environment.getitem(environment.getattr(l_1_table, 'columns'), 0), 'name')))),
            '</th>\n',
        ))
        def t_28(fiter):
            for l_2_column in fiter:
                if (environment.getattr(l_2_column, 'kind') != 'interval'):
                    yield l_2_column
        for l_2_column in t_28(environment.getattr(l_1_table, 'columns')[1:]):
            _loop_vars = {}
            pass
            t_27.append(
                '<th scope="col"',
            )
            if (environment.getattr(l_2_column, 'kind') != 'text'):
                pass
                t_27.append(
                    ' class="number"',
                )
            t_27.append(
                '>',
            )
            if (environment.getattr(l_2_column, 'name') in (undefined(name='metric_names') if l_0_metric_names is missing else l_0_metric_names)):
                pass
                t_27.extend((
                    '<a href="#metric-',
                    escape(environment.finalize(environment.getattr(l_2_column, 'name'))),
                    '">',
                    escape(environment.finalize(environment.getattr(l_2_column, 'name'))),
                    '</a>',
                ))
            else:
                pass
                t_27.append(
                    escape(environment.finalize(environment.getattr(l_2_column, 'name'))),
                )
            if (not environment.getattr(l_2_column, 'judged')):
                pass
                t_27.append(
                    ' <small>not judged</small>',
                )
            t_27.append(
                '</th>\n',
            )
        l_2_column = missing
        if l_1_bars:
            pass
            t_27.extend((
                '<th scope="col" class="drawn"><span class="unseen">',
                escape(environment.finalize(environment.getattr(environment.getitem(environment.getattr(l_1_table, 'columns'), 1), 'name'))),
                ', drawn</span></th>',
            ))
        t_27.append(
            '</tr></thead>\n<tbody>\n',
        )
        l_2_loop = missing
        for l_2_row, l_2_loop in LoopContext(environment.getattr(l_1_table, 'rows'), undefined):
            l_2_number = missing
            _loop_vars = {}
            pass
            l_2_number = environment.getattr(l_2_loop, 'index0')
            _loop_vars['number'] = l_2_number
            t_27.append(
                '<tr>\n<th scope="row">',
            )
            if t_14(environment.getitem(l_2_row, 0)):
                pass
                t_27.append(
                    escape(environment.finalize(context.call((undefined(name='named') if l_0_named is missing else l_0_named), environment.getitem(l_2_row, 0), _loop_vars=_loop_vars))),
                )
            else:
                pass
                t_27.extend((
                    '<em>',
                    escape(environment.finalize(environment.getitem(l_2_row, 0))),
                    '</em>',
                ))
            t_27.append(
                '</th>\n',
            )
            l_3_loop = missing
            for l_3_column, l_3_loop in LoopContext(environment.getattr(l_1_table, 'columns')[1:], undefined):
                _loop_vars = {}
                pass
                if (environment.getattr(l_3_column, 'kind') != 'interval'):
                    pass
                    t_27.append(
                        escape(environment.finalize(context.call((undefined(name='table_cell') if l_0_table_cell is missing else l_0_table_cell), l_1_table, (undefined(name='number') if l_2_number is missing else l_2_number), environment.getattr(l_3_loop, 'index'), _loop_vars=_loop_vars))),
                    )
                t_27.append(
                    '\n',
                )
            l_3_loop = l_3_column = missing
            if l_1_bars:
                pass
                t_27.extend((
                    '<td>',
                    escape(environment.finalize(environment.getitem(l_1_bars, (undefined(name='number') if l_2_number is missing else l_2_number)))),
                    '</td>',
                ))
            t_27.append(
                '</tr>\n',
            )
        l_2_loop = l_2_row = l_2_number = missing
        t_27.append(
            '</tbody>\n</table>\n</div>\n',
        )
        if environment.getattr(l_1_table, 'others'):
            pass
            t_27.extend((
                '<p class="notation">',
                escape(environment.finalize(environment.getattr(l_1_table, 'others'))),
                '</p>',
            ))
        return concat(t_27)
    context.exported_vars.add('table_of')
    context.vars['table_of'] = l_0_table_of = Macro(environment, macro, 'table_of', ('table', 'class', 'heading', 'wide', 'bars'), False, False, True, context.eval_ctx.autoescape)
    def macro(l_1_facet, l_1_table):
        t_29 = []
        if l_1_facet is missing:
            l_1_facet = undefined("parameter 'facet' was not provided", name='facet')
        if l_1_table is missing:
            l_1_table = undefined("parameter 'table' was not provided", name='table')
        pass
        t_29.extend((
            '<p class="legend"><span class="key tp"></span> positive, predicted positive (TP) <span class="key fn"></span> positive, predicted not positive (FN) <span class="key fp"></span> not positive, predicted positive (FP) <span class="key tn"></span> not positive, predicted not positive (TN)</p>\n<div class="scroll',
            escape(environment.finalize((' tall' if (t_6(environment.getattr(l_1_facet, 'predictions')) > 30) else cond_expr_undefined("the inline if-expression on line 131 in 'report.html.jinja' evaluated to false and no else section was defined.")))),
            '" role="region" aria-labelledby="',
            escape(environment.finalize(environment.getattr(l_1_table, 'name'))),
            '" tabindex="0">\n<table class="bars confusion">\n<thead class="unseen"><tr><th scope="col">',
            escape(environment.finalize(context.call((undefined(name='named') if l_0_named is missing else l_0_named), environment.getattr(l_1_facet, 'column')))),
            '</th><th scope="col">Predictions, drawn</th></tr></thead>\n<tbody>\n',
        ))
        for l_2_each in environment.getattr(l_1_facet, 'predictions'):
            _loop_vars = {}
            pass
            t_29.append(
                '<tr><th scope="row">',
            )
            if t_15(environment.getattr(l_2_each, 'value')):
                pass
                t_29.extend((
                    '<em>',
                    escape(environment.finalize(environment.getattr(l_2_each, 'title'))),
                    '</em>',
                ))
            else:
                pass
                t_29.append(
                    escape(environment.finalize(context.call((undefined(name='named') if l_0_named is missing else l_0_named), environment.getattr(l_2_each, 'value'), _loop_vars=_loop_vars))),
                )
            t_29.append(
                '</th>\n<td><svg width="100%" height="14" aria-hidden="true">',
            )
            for (l_3_kind, l_3_start, l_3_width) in t_9(l_2_each):
                _loop_vars = {}
                pass
                t_29.extend((
                    '<rect class="bar ',
                    escape(environment.finalize(l_3_kind)),
                    '" x="',
                    escape(environment.finalize(t_4('%.2f', (100 * l_3_start)))),
                    '%" width="',
                    escape(environment.finalize(t_4('%.2f', (100 * l_3_width)))),
                    '%" height="14"/>',
                ))
            l_3_kind = l_3_start = l_3_width = missing
            t_29.append(
                '</svg></td></tr>\n',
            )
        l_2_each = missing
        t_29.append(
            '</tbody>\n</table>\n</div>\n',
        )
        return concat(t_29)
    context.exported_vars.add('confusion_bars')
    context.vars['confusion_bars'] = l_0_confusion_bars = Macro(environment, macro, 'confusion_bars', ('facet', 'table'), False, False, False, context.eval_ctx.autoescape)
    l_0_metric_names = t_7(context.eval_ctx, t_8(context, environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'metrics'), attribute='name'))
    context.vars['metric_names'] = l_0_metric_names
    context.exported_vars.add('metric_names')
    l_0_verdict = environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'verdict')
    context.vars['verdict'] = l_0_verdict
    context.exported_vars.add('verdict')
    l_0_labels = environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'labels')
    context.vars['labels'] = l_0_labels
    context.exported_vars.add('labels')
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="'
    yield escape(environment.finalize((undefined(name='policy') if l_0_policy is missing else l_0_policy)))
    yield '">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n<title>'
    yield escape(environment.finalize(environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'full_title')))
    yield '</title>\n<style>'
    yield escape(environment.finalize((undefined(name='style') if l_0_style is missing else l_0_style)))
    yield '</style>\n</head>\n<body>\n<svg class="shapes" width="0" height="0" aria-hidden="true"><defs>\n<path id="violation" d="M0-7.5 7.5 0 0 7.5-7.5 0Z"/>\n<path id="inconclusive" d="M0-6 6.5 5.5H-6.5Z"/>\n<circle id="pass" r="5.5"/>\n<circle id="unjudged" r="5.5"/>\n<circle id="ignored" r="4.5"/>\n<circle id="before" r="4"/>\n<g id="verdict-violation"><path d="M0-8.5 8.5 0 0 8.5-8.5 0Z"/><path class="sign" d="M0-4V1M0 3.4V4"/></g>\n<g id="verdict-inconclusive"><circle r="7"/><path d="M-2.3-1.8C-2-5 3-4.6 2.4-1.6 2.1-.2 0-.2 0 1.6M0 4V4.4"/></g>\n<g id="verdict-pass"><circle r="8"/><path class="sign" d="M-3.8.2-1.2 3 3.8-2.8"/></g>\n<g id="verdict-unjudged"><circle r="8"/><path class="sign" d="M-3.6 0H3.6"/></g>\n<path id="end" d="M0-4V4"/>\n<path id="left" d="M6-4 1 0 6 4"/>\n<path id="right" d="M-6-4-1 0-6 4"/>\n</defs></svg>\n<header>\n<h1>'
    yield escape(environment.finalize(environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'title')))
    yield '</h1>\n<p class="subject">'
    yield escape(environment.finalize(context.call((undefined(name='sentence') if l_0_sentence is missing else l_0_sentence), context.call(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'name_subject'), (undefined(name='report') if l_0_report is missing else l_0_report)))))
    yield '</p>\n'
    if environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'origin'):
        pass
        yield '<dl class="origin">\n'
        for (l_1_what, l_1_value) in environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'origin'):
            _loop_vars = {}
            pass
            yield '<div><dt>'
            yield escape(environment.finalize(l_1_what))
            yield '</dt> <dd>'
            yield escape(environment.finalize(context.call((undefined(name='named') if l_0_named is missing else l_0_named), l_1_value, _loop_vars=_loop_vars)))
            yield '</dd></div>\n'
        l_1_what = l_1_value = missing
        yield '</dl>\n'
    yield '<nav aria-label="Contents"><ul>\n<li><a href="#verdict">Verdict</a></li>\n'
    l_1_loop = missing
    for l_1_facet, l_1_loop in LoopContext(environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'facets'), undefined):
        _loop_vars = {}
        pass
        yield '<li><a href="#facet-'
        yield escape(environment.finalize(environment.getattr(l_1_loop, 'index')))
        yield '">'
        yield escape(environment.finalize(context.call((undefined(name='named') if l_0_named is missing else l_0_named), environment.getattr(l_1_facet, 'column'), _loop_vars=_loop_vars)))
        yield '</a></li>'
    l_1_loop = l_1_facet = missing
    if environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'compared'):
        pass
        yield '<li><a href="#repair">Before and after</a></li>'
    yield '<li><a href="#rows">Rows</a></li>\n<li><a href="#metrics">Metrics</a></li>\n<li><a href="#evidence">Evidence</a></li>\n</ul></nav>\n</header>\n<main>\n<section id="verdict" class="verdict '
    yield escape(environment.finalize(t_12(environment.getattr((undefined(name='verdict') if l_0_verdict is missing else l_0_verdict), 'outcome'))))
    yield '" aria-labelledby="verdict-word">\n<h2 id="verdict-word"><svg class="shape '
    yield escape(environment.finalize(t_12(environment.getattr((undefined(name='verdict') if l_0_verdict is missing else l_0_verdict), 'outcome'))))
    yield '" width="30" height="30" viewBox="-8.5 -8.5 17 17" aria-hidden="true"><use href="#verdict-'
    yield escape(environment.finalize(t_12(environment.getattr((undefined(name='verdict') if l_0_verdict is missing else l_0_verdict), 'outcome'))))
    yield '"/></svg> '
    yield escape(environment.finalize(environment.getattr((undefined(name='verdict') if l_0_verdict is missing else l_0_verdict), 'headline')))
    yield '</h2>\n<p class="summary">'
    yield escape(environment.finalize(environment.getattr((undefined(name='verdict') if l_0_verdict is missing else l_0_verdict), 'summary')))
    yield '</p>\n'
    if environment.getattr((undefined(name='verdict') if l_0_verdict is missing else l_0_verdict), 'reasons'):
        pass
        yield '<ul class="reasons">\n'
        for l_1_reason in environment.getattr((undefined(name='verdict') if l_0_verdict is missing else l_0_verdict), 'reasons'):
            _loop_vars = {}
            pass
            yield '<li>'
            yield escape(environment.finalize(context.call((undefined(name='sentence') if l_0_sentence is missing else l_0_sentence), l_1_reason, _loop_vars=_loop_vars)))
            yield '</li>\n'
        l_1_reason = missing
        if environment.getattr((undefined(name='verdict') if l_0_verdict is missing else l_0_verdict), 'more_reasons'):
            pass
            yield '<li>'
            yield escape(environment.finalize(context.call(environment.getattr((undefined(name='formatting') if l_0_formatting is missing else l_0_formatting), 'format_count'), environment.getattr((undefined(name='verdict') if l_0_verdict is missing else l_0_verdict), 'more_reasons'))))
            yield ' more, marked in the tables below</li>'
        yield '</ul>\n'
    if environment.getattr((undefined(name='verdict') if l_0_verdict is missing else l_0_verdict), 'tallies'):
        pass
        yield '<ul class="tallies" aria-label="Checks by outcome">\n'
        for (l_1_outcome, l_1_count) in environment.getattr((undefined(name='verdict') if l_0_verdict is missing else l_0_verdict), 'tallies'):
            _loop_vars = {}
            pass
            yield '<li class="'
            yield escape(environment.finalize(t_12(l_1_outcome)))
            yield '">'
            yield escape(environment.finalize(context.call((undefined(name='shape') if l_0_shape is missing else l_0_shape), t_12(l_1_outcome), _loop_vars=_loop_vars)))
            yield ' '
            yield escape(environment.finalize(context.call(environment.getattr((undefined(name='formatting') if l_0_formatting is missing else l_0_formatting), 'format_count'), l_1_count, _loop_vars=_loop_vars)))
            yield ' '
            yield escape(environment.finalize(t_12(l_1_outcome)))
            yield '</li>\n'
        l_1_outcome = l_1_count = missing
        yield '</ul>\n'
    if environment.getattr((undefined(name='verdict') if l_0_verdict is missing else l_0_verdict), 'rules'):
        pass
        yield '<p class="rules"><strong>Rules:</strong> '
        yield escape(environment.finalize(t_5(context.eval_ctx, environment.getattr((undefined(name='verdict') if l_0_verdict is missing else l_0_verdict), 'rules'), '; ')))
        yield '.</p>\n'
    yield '</section>\n\n<dl class="figures">\n'
    for (l_1_what, l_1_value, l_1_aside) in context.call(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'list_figures'), (undefined(name='report') if l_0_report is missing else l_0_report)):
        _loop_vars = {}
        pass
        yield '<div><dt>'
        yield escape(environment.finalize(l_1_what))
        yield '</dt> <dd>'
        yield escape(environment.finalize(l_1_value))
        yield '</dd>'
        if l_1_aside:
            pass
            yield ' <dd class="aside">'
            yield escape(environment.finalize(context.call((undefined(name='sentence') if l_0_sentence is missing else l_0_sentence), [l_1_aside], _loop_vars=_loop_vars)))
            yield '</dd>'
        yield '</div>\n'
    l_1_what = l_1_value = l_1_aside = missing
    yield '</dl>\n\n'
    for l_1_note in context.call(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'list_notes'), (undefined(name='report') if l_0_report is missing else l_0_report)):
        _loop_vars = {}
        pass
        yield '<p class="note">'
        yield escape(environment.finalize(l_1_note))
        yield '</p>\n'
    l_1_note = missing
    if environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'warnings'):
        pass
        yield '<section class="warnings" aria-labelledby="warnings-word">\n<h2 id="warnings-word">'
        yield escape(environment.finalize(context.call(environment.getattr((undefined(name='formatting') if l_0_formatting is missing else l_0_formatting), 'format_plural'), t_6(environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'warnings')), 'warning', 'warnings')))
        yield '</h2>\n<ul>\n'
        for l_1_warning in environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'warnings'):
            _loop_vars = {}
            pass
            yield '<li>'
            yield escape(environment.finalize(l_1_warning))
            yield '</li>\n'
        l_1_warning = missing
        yield '</ul>\n</section>\n'
    yield '\n'
    l_1_loop = missing
    for l_1_facet, l_1_loop in LoopContext(environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'facets'), undefined):
        l_1_facet_tables = resolve('facet_tables')
        l_1_number = missing
        _loop_vars = {}
        pass
        l_1_number = environment.getattr(l_1_loop, 'index')
        _loop_vars['number'] = l_1_number
        yield '<section id="facet-'
        yield escape(environment.finalize((undefined(name='number') if l_1_number is missing else l_1_number)))
        yield '" aria-labelledby="facet-'
        yield escape(environment.finalize((undefined(name='number') if l_1_number is missing else l_1_number)))
        yield '-name">\n<h2 id="facet-'
        yield escape(environment.finalize((undefined(name='number') if l_1_number is missing else l_1_number)))
        yield '-name">'
        yield escape(environment.finalize(context.call((undefined(name='named') if l_0_named is missing else l_0_named), environment.getattr(l_1_facet, 'column'), _loop_vars=_loop_vars)))
        yield '</h2>\n<p>'
        yield escape(environment.finalize(context.call((undefined(name='sentence') if l_0_sentence is missing else l_0_sentence), context.call(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'describe_tested'), l_1_facet, _loop_vars=_loop_vars), _loop_vars=_loop_vars)))
        yield '</p>\n'
        for l_2_picture in environment.getattr(l_1_facet, 'pictures')[:1]:
            _loop_vars = {}
            pass
            yield escape(environment.finalize(context.call((undefined(name='drawing') if l_0_drawing is missing else l_0_drawing), l_2_picture, l_1_facet, _loop_vars=_loop_vars)))
        l_2_picture = missing
        yield '\n'
        for l_2_table in context.call((undefined(name='facet_tables') if l_1_facet_tables is missing else l_1_facet_tables), (undefined(name='number') if l_1_number is missing else l_1_number), _loop_vars=_loop_vars):
            l_2_stages_summary = resolve('stages_summary')
            l_2_summary = resolve('summary')
            _loop_vars = {}
            pass
            if (context.call(environment.getattr(environment.getattr(l_2_table, 'name'), 'startswith'), 'overview', _loop_vars=_loop_vars) or context.call(environment.getattr(environment.getattr(l_2_table, 'name'), 'startswith'), 'predictions', _loop_vars=_loop_vars)):
                pass
                def macro():
                    t_30 = []
                    pass
                    t_30.append(
                        '<p class="legend">',
                    )
                    if (t_6(environment.getattr(l_1_facet, 'groups')) > 1):
                        pass
                        t_30.append(
                            "The stronger a cell's colour, the larger its value compared with the other groups",
                        )
                        if environment.getattr(l_1_facet, 'judged'):
                            pass
                            t_30.append(
                                ' and the bounds',
                            )
                        t_30.append(
                            '.',
                        )
                    t_30.append(
                        '\n',
                    )
                    def t_31(fiter):
                        for (l_4_outcome, l_4_glyph) in fiter:
                            if ((t_12(l_4_outcome) != 'pass') and (l_4_outcome in environment.getattr(l_1_facet, 'outcomes'))):
                                yield (l_4_outcome, l_4_glyph)
                    for (l_4_outcome, l_4_glyph) in t_31(context.call(environment.getattr(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'GLYPHS'), 'items'))):
                        _loop_vars = {}
                        pass
                        t_30.extend((
                            '<span class="',
                            escape(environment.finalize(t_12(l_4_outcome))),
                            '">',
                            escape(environment.finalize(l_4_glyph)),
                            ' ',
                            escape(environment.finalize(t_12(l_4_outcome))),
                            '</span> ',
                        ))
                    l_4_outcome = l_4_glyph = missing
                    t_30.append(
                        '</p>\n',
                    )
                    return concat(t_30)
                caller = Macro(environment, macro, None, (), False, False, False, context.eval_ctx.autoescape)
                yield context.call((undefined(name='table_of') if l_0_table_of is missing else l_0_table_of), l_2_table, wide=environment.getattr(l_1_facet, 'long_names'), caller=caller, _loop_vars=_loop_vars)
            else:
                pass
                if context.call(environment.getattr(environment.getattr(l_2_table, 'name'), 'startswith'), 'stages', _loop_vars=_loop_vars):
                    pass
                    l_2_summary = context.call((undefined(name='stages_summary') if l_2_stages_summary is missing else l_2_stages_summary), l_1_facet, _loop_vars=_loop_vars)
                    _loop_vars['summary'] = l_2_summary
                    def macro():
                        t_32 = []
                        pass
                        t_32.extend((
                            '<p>',
                            escape(environment.finalize(context.call((undefined(name='sentence') if l_0_sentence is missing else l_0_sentence), (undefined(name='summary') if l_2_summary is missing else l_2_summary)))),
                            '</p>',
                        ))
                        return concat(t_32)
                    caller = Macro(environment, macro, None, (), False, False, False, context.eval_ctx.autoescape)
                    yield context.call((undefined(name='table_of') if l_0_table_of is missing else l_0_table_of), l_2_table, wide=environment.getattr(l_1_facet, 'long_names'), caller=caller, _loop_vars=_loop_vars)
                else:
                    pass
                    yield escape(environment.finalize(context.call((undefined(name='table_of') if l_0_table_of is missing else l_0_table_of), l_2_table, wide=environment.getattr(l_1_facet, 'long_names'), _loop_vars=_loop_vars)))
                    yield '\n'
                    yield escape(environment.finalize(context.call((undefined(name='confusion_bars') if l_0_confusion_bars is missing else l_0_confusion_bars), l_1_facet, l_2_table, _loop_vars=_loop_vars)))
                    yield '\n'
        l_2_table = l_2_stages_summary = l_2_summary = missing
        for l_2_picture in environment.getattr(l_1_facet, 'pictures')[1:]:
            _loop_vars = {}
            pass
            yield escape(environment.finalize(context.call((undefined(name='drawing') if l_0_drawing is missing else l_0_drawing), l_2_picture, l_1_facet, _loop_vars=_loop_vars)))
        l_2_picture = missing
        yield '\n'
        if environment.getattr(l_1_facet, 'undefined'):
            pass
            yield '<h3>Not defined</h3>\n<ul class="undefined">\n'
            l_2_loop = missing
            for l_2_undefined, l_2_loop in LoopContext(environment.getattr(l_1_facet, 'undefined'), undefined):
                _loop_vars = {}
                pass
                yield '<li><strong>'
                yield escape(environment.finalize(environment.getattr(l_2_undefined, 'metric')))
                yield '</strong> of '
                l_3_loop = missing
                for l_3_value, l_3_loop in LoopContext(environment.getattr(l_2_undefined, 'named'), undefined):
                    _loop_vars = {}
                    pass
                    yield escape(environment.finalize(('' if environment.getattr(l_3_loop, 'first') else ', ')))
                    yield escape(environment.finalize(context.call((undefined(name='named') if l_0_named is missing else l_0_named), l_3_value, _loop_vars=_loop_vars)))
                l_3_loop = l_3_value = missing
                if environment.getattr(l_2_undefined, 'others'):
                    pass
                    yield ' and '
                    yield escape(environment.finalize(context.call(environment.getattr((undefined(name='formatting') if l_0_formatting is missing else l_0_formatting), 'format_count'), environment.getattr(l_2_undefined, 'others'), _loop_vars=_loop_vars)))
                    yield ' more'
                yield ': '
                yield escape(environment.finalize(environment.getattr(l_2_undefined, 'error')))
                yield '</li>\n'
            l_2_loop = l_2_undefined = missing
            yield '</ul>\n'
        yield '</section>\n'
    l_1_loop = l_1_facet = l_1_number = l_1_facet_tables = missing
    yield '\n'
    if environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'compared'):
        pass
        yield '<section aria-labelledby="repair">\n<h2 id="repair">Before and after</h2>\n'
        yield escape(environment.finalize(context.call((undefined(name='table_of') if l_0_table_of is missing else l_0_table_of), environment.getitem((undefined(name='tables') if l_0_tables is missing else l_0_tables), 'repair'), **{'class': '', 'heading': False, })))
        yield '\n</section>\n'
    yield '\n<section id="rows" aria-labelledby="rows-word">\n<h2 id="rows-word">The rows behind the numbers</h2>\n<p>'
    yield escape(environment.finalize(context.call((undefined(name='sentence') if l_0_sentence is missing else l_0_sentence), context.call(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'describe_label'), (undefined(name='report') if l_0_report is missing else l_0_report)))))
    yield '</p>\n'
    if environment.getattr((undefined(name='labels') if l_0_labels is missing else l_0_labels), 'bars'):
        pass
        yield '<p class="legend"><span class="key positive"></span> positive <span class="key"></span> not positive'
        if environment.getattr((undefined(name='labels') if l_0_labels is missing else l_0_labels), 'unknown'):
            pass
            yield ' <span class="key unknown"></span> '
            yield escape(environment.finalize(environment.getattr((undefined(name='phrases') if l_0_phrases is missing else l_0_phrases), 'NOT_KNOWN')))
        yield '</p>\n<div class="spread">\n<div>\n'
        yield escape(environment.finalize(context.call((undefined(name='table_of') if l_0_table_of is missing else l_0_table_of), environment.getitem((undefined(name='tables') if l_0_tables is missing else l_0_tables), 'labels'), **{'class': 'bars', 'bars': context.call((undefined(name='label_bars') if l_0_label_bars is missing else l_0_label_bars), (undefined(name='labels') if l_0_labels is missing else l_0_labels)), })))
        yield '\n</div>\n'
        l_1_loop = missing
        for l_1_facet, l_1_loop in LoopContext(environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'facets'), undefined):
            l_1_group_bars = resolve('group_bars')
            _loop_vars = {}
            pass
            if environment.getattr(l_1_facet, 'distribution'):
                pass
                yield '<div>\n'
                yield escape(environment.finalize(context.call((undefined(name='table_of') if l_0_table_of is missing else l_0_table_of), environment.getitem((undefined(name='tables') if l_0_tables is missing else l_0_tables), t_4('distribution-%d', environment.getattr(l_1_loop, 'index'))), **{'class': 'bars', 'bars': context.call((undefined(name='group_bars') if l_1_group_bars is missing else l_1_group_bars), environment.getattr(l_1_facet, 'distribution'), _loop_vars=_loop_vars), '_loop_vars': _loop_vars, })))
                yield '\n</div>\n'
        l_1_loop = l_1_facet = l_1_group_bars = missing
        yield '</div>\n'
    yield '</section>\n\n<section id="metrics" aria-labelledby="metrics-word">\n<h2 id="metrics-word">What the metrics mean here</h2>\n'
    l_0_staged = (t_6(t_7(context.eval_ctx, t_11(environment, t_8(context, environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'metrics'), attribute='predicted')))) > 1)
    context.vars['staged'] = l_0_staged
    context.exported_vars.add('staged')
    yield '<div class="metrics">\n'
    for l_1_metric in environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'metrics'):
        _loop_vars = {}
        pass
        yield '<article id="metric-'
        yield escape(environment.finalize(environment.getattr(l_1_metric, 'name')))
        yield '">\n<h3>'
        yield escape(environment.finalize(environment.getattr(l_1_metric, 'name')))
        yield ' <span>'
        yield escape(environment.finalize(environment.getattr(l_1_metric, 'title')))
        yield '</span>'
        if (undefined(name='staged') if l_0_staged is missing else l_0_staged):
            pass
            yield ' <small>'
            yield escape(environment.finalize(('predictions' if environment.getattr(l_1_metric, 'predicted') else 'labels')))
            yield '</small>'
        yield '</h3>\n<p>'
        yield escape(environment.finalize(environment.getattr(l_1_metric, 'question')))
        yield '</p>\n'
        if environment.getattr(l_1_metric, 'worst'):
            pass
            yield '<p class="reading"><strong>'
            yield escape(environment.finalize(environment.getitem(environment.getattr(l_1_metric, 'worst'), 1)))
            yield '</strong>: '
            yield escape(environment.finalize(context.call((undefined(name='sentence') if l_0_sentence is missing else l_0_sentence), environment.getattr(l_1_metric, 'reading'), _loop_vars=_loop_vars)))
            yield '.</p>\n'
        else:
            pass
            yield '<p class="reading">It is not defined for any group of these data.</p>\n'
        yield '<p class="formula"><code>'
        yield escape(environment.finalize(t_10(environment.getattr(l_1_metric, 'formula'))))
        yield '</code> <span>'
        yield escape(environment.finalize(environment.getattr(l_1_metric, 'value_range')))
        yield '</span></p>\n</article>\n'
    l_1_metric = missing
    yield '</div>\n<p class="notation">'
    yield escape(environment.finalize(context.call((undefined(name='notation') if l_0_notation is missing else l_0_notation), (undefined(name='metric_names') if l_0_metric_names is missing else l_0_metric_names), weighted=(not t_15(environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'weight'))))))
    yield '</p>\n</section>\n\n<section id="evidence" aria-labelledby="evidence-word">\n<h2 id="evidence-word">Evidence</h2>\n<dl class="evidence">\n'
    for (l_1_name, l_1_value) in environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'provenance'):
        _loop_vars = {}
        pass
        yield '<div><dt>'
        yield escape(environment.finalize(l_1_name))
        yield '</dt> <dd>'
        yield escape(environment.finalize(l_1_value))
        yield '</dd></div>\n'
    l_1_name = l_1_value = missing
    yield '</dl>\n'
    if environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'configuration'):
        pass
        yield '<h3 id="configuration">Configuration</h3>\n<pre tabindex="0" role="region" aria-labelledby="configuration"><code>'
        for l_1_line in context.call(environment.getattr(environment.getattr((undefined(name='report') if l_0_report is missing else l_0_report), 'configuration'), 'split'), '\n'):
            _loop_vars = {}
            pass
            yield escape(environment.finalize(l_1_line))
            yield '\n'
        l_1_line = missing
        yield '</code></pre>\n'
    yield '</section>\n</main>\n<script>'
    yield escape(environment.finalize((undefined(name='script') if l_0_script is missing else l_0_script)))
    yield '</script>\n</body>\n</html>'

blocks = {}
debug_info = '2=117&3=141&4=163&5=178&7=186&10=203&11=216&12=220&13=227&14=229&15=230&16=233&18=238&19=251&20=266&21=270&23=275&24=279&26=286&27=288&28=291&30=304&31=307&35=320&36=328&37=329&38=333&39=345&40=349&42=362&45=370&48=379&49=384&51=394&52=399&53=414&54=419&57=430&59=432&60=434&61=441&62=451&63=453&64=456&65=463&68=471&69=476&70=478&71=480&72=482&73=485&74=492&78=506&79=510&84=519&85=529&86=532&87=533&88=538&89=551&90=555&91=567&92=571&94=584&98=601&99=614&101=623&102=628&103=637&104=641&106=644&107=647&108=657&110=688&113=699&114=703&116=708&117=724&120=736&126=750&129=760&131=769&133=773&135=776&136=782&137=797&143=820&144=823&145=826&150=830&154=832&155=834&174=836&175=838&176=840&178=843&184=855&185=864&192=868&193=870&194=876&195=878&197=881&199=888&202=894&204=897&208=911&209=914&214=917&215=921&219=933&221=940&223=943&225=945&231=955&232=960&233=963&234=967&235=971&236=973&238=979&239=984&240=986&241=992&243=1008&240=1030&246=1033&248=1050&249=1052&253=1055&255=1061&258=1065&265=1091&268=1094&274=1097&275=1099&276=1102&279=1107&281=1110&282=1114&284=1117&294=1122&296=1126&297=1130&298=1132&299=1142&300=1144&301=1147&305=1155&309=1161&315=1163&318=1173&320=1176&325=1184'
